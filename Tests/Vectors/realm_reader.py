#!/usr/bin/env python3
"""Opens an ARGUS realm and reads every file in it, from docs/formats/realm.md and capsule.md alone.

    realm_reader.py REALM passphrase|key-file|recovery SECRET

SECRET is the passphrase, the path of the key file, or the recovery key. Prints one file a line as JSON: folder, path,
size, SHA-256. Ends with 1 where something does not fit.
"""

import hashlib
import hmac
import json
import os
import sqlite3
import sys
import tempfile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from reader import Capsule, Failure, Keys, hkdf, le, need, number

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def open_box(key, box, aad, finding):
    try:
        return AESGCM(key).decrypt(box[:12], box[12:], aad)
    except InvalidTag:
        raise Failure(finding) from None


def recovery_secret(text):
    digits = text.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
    need(len(digits) == 56, "mistyped recovery key")
    value = 0
    for digit in digits:
        value = value << 5 | ALPHABET.index(digit)
    raw = value.to_bytes(35, "big")
    need(hashlib.sha256(b"argus recovery key v1" + raw[:32]).digest()[:3] == raw[32:], "mistyped recovery key")
    return raw[:32]


def wrapping_key(method, secret, wrap, salt):
    if method == "passphrase":
        cost = wrap["scrypt"]
        return Scrypt(salt=salt, length=32, n=1 << cost["logN"], r=cost["r"], p=cost["p"]).derive(secret)
    purpose = {"key-file": b"argus realm key file v1", "recovery": b"argus realm recovery key v1"}[method]
    return hkdf(secret, salt, purpose)


class Realm:
    def __init__(self, path, method, secret):
        self.path = path
        with open(os.path.join(path, "realm.json"), "rb") as file:
            raw = file.read()
        held = json.loads(raw)
        need(held["format"] == 1, "newer format")
        self.id = bytes.fromhex(held["realm"])
        self.master = self.unwrap(held, method, secret)
        zeroed = raw.replace(held["mac"].encode(), b"0" * 64)
        key = self.derive(b"argus realm mac v1")
        need(hmac.new(key, zeroed, hashlib.sha256).hexdigest() == held["mac"], "realm.json was altered")

    def derive(self, purpose):
        return hkdf(self.master, self.id, purpose)

    def unwrap(self, held, method, secret):
        for wrap in held["wraps"]:
            if wrap["type"] != method:
                continue
            salt, kind, cost = bytes.fromhex(wrap["salt"]), wrap["type"].encode(), wrap.get("scrypt") or {}
            aad = b"argus realm wrap v1" + self.id + le(1, 4) + le(len(kind), 4) + kind + salt
            aad += b"".join(le(cost.get(name, 0), 4) for name in ("logN", "r", "p"))
            return open_box(wrapping_key(method, secret, wrap, salt), bytes.fromhex(wrap["box"]), aad, "wrong secret")
        raise Failure("no such way to unlock")

    def record(self, name, kind, key, folder=bytes(16)):
        with open(os.path.join(self.path, name), "rb") as file:
            raw = file.read()
        need(raw[:8] == b"ARGUSREC" and number(raw, 8, 4) == 1 and number(raw, 12, 4) == kind, name)
        return open_box(key, raw[16:], raw[:16] + self.id + folder, name)

    def persons(self):
        return json.loads(self.record("persons", 2, self.derive(b"argus realm persons v1")))

    def folders(self):
        return [Folder(self, name) for name in sorted(os.listdir(os.path.join(self.path, "folders"))) if len(name) == 32]


class Folder:
    def __init__(self, realm, name):
        self.path = os.path.join(realm.path, "folders", name)
        self.id = bytes.fromhex(name)
        record_key = realm.derive(b"argus realm folder record v1" + self.id)
        wrapping = realm.derive(b"argus realm folder keys v1" + self.id)
        held = json.loads(realm.record(f"folders/{name}/folder", 1, record_key, self.id))
        need(held["id"] == name, "another folder's record")
        self.name, self.index_file = held["name"], bytes.fromhex(held["indexFile"])
        self.storage = held.get("storage") or os.path.join(self.path, "store")
        naming_aad = b"argus naming key v1" + realm.id + self.id
        naming = open_box(wrapping, bytes.fromhex(held["namingKey"]), naming_aad, "naming key")
        keys, under = {}, wrapping
        for item in reversed(held["keys"]):
            aad = b"argus folder key v1" + realm.id + self.id + le(item["generation"], 4)
            key = open_box(under, bytes.fromhex(item["box"]), aad, f"folder key {item['generation']}")
            keys[item["generation"]] = key
            under = hkdf(key, self.id, b"argus realm folder key chain v1")
        need(sorted(keys) == list(range(1, len(keys) + 1)), "folder keys")
        self.keys = Keys(name, [keys[g].hex() for g in sorted(keys)], naming.hex())
        anchor = realm.record(f"folders/{name}/anchor", 3, record_key, self.id)
        need(len(anchor) == 44 and number(anchor, 0, 4) == 1, "the folder is in use")
        self.commit, self.tag = number(anchor, 20, 8), anchor[28:]

    def capsule(self, store, file):
        name = self.keys.object_name(file).hex()
        with open(os.path.join(store, name[:2], name[2:]), "rb") as source:
            return Capsule(source.read(), self.keys, file)

    def content(self, capsule, commit, tag):
        root = capsule.choose("clean", commit, tag)
        findings = capsule.check()
        need(not findings, " ".join(findings))
        content = bytearray(root.size)
        for offset, piece in capsule.content().items():
            content[offset : offset + len(piece)] = piece
        return bytes(content)

    def files(self):
        index = self.content(self.capsule(os.path.join(self.path, "index"), self.index_file), self.commit, self.tag)
        with tempfile.NamedTemporaryFile() as file:
            file.write(index)
            file.flush()
            database = sqlite3.connect(f"file:{file.name}?immutable=1", uri=True)
            rows = database.execute(QUERY).fetchall()
            database.close()
        for path, inode, commit, tag, file_id in rows:
            need(self.keys.file_id(inode) == file_id, "file id")
            content = self.content(self.capsule(self.storage, file_id), commit, tag)
            yield path, content


QUERY = """
WITH RECURSIVE place(path, inode, kind) AS (
    SELECT '/' || CAST(name AS TEXT), inode, kind FROM entry WHERE parent = 1
    UNION ALL
    SELECT path || '/' || CAST(name AS TEXT), entry.inode, entry.kind FROM place JOIN entry ON entry.parent = place.inode)
SELECT path, inode, durable_commit, root_tag, file FROM place JOIN inode ON inode.number = place.inode
WHERE root_tag IS NOT NULL ORDER BY path"""


def main(arguments):
    path, method, text = arguments
    if method == "key-file":
        with open(text, "rb") as file:
            secret = file.read()
    else:
        secret = recovery_secret(text) if method == "recovery" else text.encode()
    try:
        realm = Realm(path, method, secret)
        need(all(person["account"] for person in realm.persons()), "persons")
        for folder in realm.folders():
            for name, content in folder.files():
                digest = hashlib.sha256(content).hexdigest()
                print(json.dumps({"folder": folder.name, "path": name, "size": len(content), "sha256": digest}))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
