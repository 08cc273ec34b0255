#!/usr/bin/env python3
"""Reads and verifies an ARGUS journal, from docs/formats/journal.md alone.

    journal_reader.py SPOOL MASTER_KEY_HEX REALM_ID_HEX [EXPECTED]

Prints one record a line as JSON, oldest stream first, and ends with 1 at the first thing that does not fit. With EXPECTED,
lines of `argusfs journal show --json`, it prints nothing, and ends with 1 where a record is not as it is there.
"""

import datetime
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER = 4096
ACTIVITIES = (
    "open create read write close copy rename link unlink truncate set-attributes list denied integrity recover mount "
    "unmount export import member-added member-removed key-rotated policy-applied device-connected device-blocked gap "
    "checkpoint agent-start agent-stop"
).split()


class Finding(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Finding(message)


def hkdf(key, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def open_box(key, box, aad):
    return AESGCM(key).decrypt(box[:12], box[12:], aad)


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Keys:
    def __init__(self, master, realm):
        derive = lambda name: hkdf(master, realm, b"argus journal %s v1" % name)
        self.sealing = derive(b"sealing")
        self.genesis = derive(b"genesis")
        self.audit = X25519PrivateKey.from_private_bytes(derive(b"audit"))
        self.folder = lambda folder: hkdf(self.sealing, folder, b"argus journal folder v1")
        self.signer = raw_public(Ed25519PrivateKey.from_private_bytes(derive(b"signing")))


class Genesis:
    def __init__(self, block, keys):
        need(block[:8] == b"ARGJGEN1", "no genesis")
        need(hmac.compare_digest(mac(keys.genesis, block[:-32]), block[-32:]), "genesis is not the realm's")
        version, suite = struct.unpack_from("<HH", block, 8)
        need((version, suite) == (1, 1), "unknown version or suite")
        self.stream, self.device, self.folder = block[12:28], block[28:44], block[44:60]
        self.seconds, self.nanoseconds, self.monotonic = struct.unpack_from("<qIQ", block, 60)
        self.boot = block[80:96]
        self.strict, self.segment_bytes = struct.unpack_from("<BI", block, 96)
        self.signer, self.box = block[101:133], block[133:225]
        need(self.signer == keys.signer, "foreign signing key")
        (count,) = struct.unpack_from("<H", block, 225)
        self.parents = []
        for index in range(count):
            at = 227 + 64 * index
            sequence, = struct.unpack_from("<Q", block, at + 16)
            final, = struct.unpack_from("<Q", block, at + 56)
            self.parents.append((block[at:at + 16], sequence, block[at + 24:at + 56], final == 1))
        need(len(block) == 227 + 64 * count + 32, "genesis has another length")
        self.hash = sha256(block)
        folder_key = keys.folder(self.folder)
        self.frames_key = hkdf(folder_key, self.stream, b"argus journal frames v1" + self.device)
        self.slots_key = hkdf(folder_key, self.stream, b"argus journal slots v1" + self.device)
        self.counters_key = hkdf(folder_key, self.stream, b"argus journal counters v1" + self.device)
        ephemeral = self.box[:32]
        shared = keys.audit.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        wrapping = hkdf(shared, ephemeral + raw_public(keys.audit), b"argus journal first key v1")
        self.first_key = open_box(wrapping, self.box[32:], self.stream)


def parse_removal(data):
    stream, ordinal, sequence, digest, whole = struct.unpack("<16sIQ32sB", data)
    return {"stream": stream, "ordinal": ordinal, "sequence": sequence, "hash": digest, "whole": whole == 1}


def parse_facts(data):
    seconds, nanoseconds, size = struct.unpack("<qIQ", data)
    return {"time": (seconds, nanoseconds), "bytes": size}


def stated(record):
    """The removals that a checkpoint states."""
    body = record["fields"][21]
    count, = struct.unpack_from("<H", body, 5)
    removals = [parse_removal(body[7 + 61 * place:68 + 61 * place]) for place in range(count)]
    facts = record["fields"].get(30)
    if facts is not None:
        need(len(facts) == 20 * count, "malformed record")
        for place, removal in enumerate(removals):
            removal.update(parse_facts(facts[20 * place:20 * place + 20]))
    return removals


def parse_record(plain):
    need(plain[:8] == b"ARGJREC1" and len(plain) <= 65535, "malformed record")
    record = {"previous": plain[8:40], "salt": plain[40:56], "hash": sha256(plain), "fields": {}}
    (record["seq"], record["seconds"], record["nanoseconds"], record["monotonic"], record["activity"],
     record["status"], zero) = struct.unpack_from("<QqIQHBB", plain, 56)
    need(zero == 0 and record["status"] in (1, 2), "malformed record")
    at = 88
    while at < len(plain):
        kind, count = struct.unpack_from("<HH", plain, at)
        need(at + 4 + count <= len(plain), "malformed record")
        record["fields"][kind] = plain[at + 4:at + 4 + count]
        at += 4 + count
    return record


class Stream:
    """One stream, verified from its first kept segment to its end."""

    def __init__(self, directory, name, keys):
        self.name, self.keys = name, keys
        self.records, self.hashes = [], {}
        self.final = False
        path = os.path.join(directory, name)
        segments = sorted(entry for entry in os.listdir(path) if entry.endswith(".segment"))
        need(segments, f"stream {name} has no segment")
        self.first = int(segments[0][:8])
        for index, entry in enumerate(segments):
            need(int(entry[:8]) == self.first + index, f"stream {name}: a segment before {entry} is missing")
            with open(os.path.join(path, entry), "rb") as file:
                data = file.read()
            if struct.unpack_from("<I", data, 16)[0] == 0:
                continue
            need(not self.final, f"stream {name}: something follows its end")
            self.read_segment(self.first + index, data)
        need(self.final or self.slot is not None, f"stream {name}: its end was cut")
        need(self.final or self.slot[0] <= self.commits, f"stream {name}: its end was cut")
        if not self.final:
            self.read_counters(os.path.join(path, "counters"))

    def read_counters(self, path):
        need(os.path.exists(path), f"stream {self.name}: its counters are missing")
        with open(path, "rb") as file:
            data = file.read()
        if len(data) == 4096 and not any(29 in record["fields"] for record in self.records):
            return
        need(len(data) == 8192, f"stream {self.name}: its counters were changed")
        for slot in range(128):
            content, code = data[64 * slot:64 * slot + 32], data[64 * slot + 32:64 * slot + 64]
            need(hmac.compare_digest(mac(self.genesis.counters_key, struct.pack("<I", slot) + content), code),
                 f"stream {self.name}: its counters were changed")

    def read_segment(self, ordinal, data):
        need(data[:8] == b"ARGJSEG1", "no segment")
        version, header, number, state, size = struct.unpack_from("<HHIII", data, 8)
        need((version, header, number, state) == (1, HEADER, ordinal, 1), "malformed header")
        first, previous, commits, count = struct.unpack_from("<Q32sQI", data, 40)
        block = data[512:512 + count]
        if ordinal == self.first:
            self.block, self.genesis = block, Genesis(block, self.keys)
            need(self.genesis.stream.hex() == self.name, "the stream has another one's name")
            self.key, self.previous_key = self.genesis.first_key, None
            self.sequence, self.hash, self.commits = first - 1, previous, commits
            self.start, self.start_hash = first - 1, previous
            for _ in range(commits):
                self.next_key()
            if ordinal == 1:
                need((first, previous, commits) == (1, self.genesis.hash, 0), "malformed header")
        need(block == self.block and data[24:40] == self.genesis.stream, "header of another stream")
        need(size == self.genesis.segment_bytes and len(data) <= size, "wrong size")
        need((first, previous, commits) == (self.sequence + 1, self.hash, self.commits), "header does not follow")
        need(not any(data[92:256] + data[400:512] + data[512 + count:HEADER]), "header is not zero where it must be")
        self.read_slots(ordinal, data)
        at = HEADER
        while at + 4 <= len(data):
            length, = struct.unpack_from("<I", data, at)
            if length == 0:
                break
            need(not self.final, "something follows the end")
            end = at + (length + 7) // 8 * 8
            need(length > 36 and end <= len(data) and not any(data[at + 5:at + 8] + data[at + length:end]), "no frame")
            aad = self.genesis.stream + struct.pack("<IIII", ordinal, at, length, data[at + 4])
            try:
                plain = AESGCM(self.genesis.frames_key).decrypt(data[at + 8:at + 20], data[at + 20:at + length], aad)
            except InvalidTag:
                raise Finding(f"stream {self.name}, segment {ordinal}, record {self.sequence + 1}: does not open")
            self.check_slot()
            if data[at + 4] == 1:
                self.read_record(ordinal, plain)
            else:
                need(data[at + 4] == 2, "unknown frame")
                self.read_commit(plain)
            at = end
        self.check_slot()
        need(not self.final or not any(data[at:]), "bytes behind the end")

    def read_slots(self, ordinal, data):
        self.slot = None
        for offset in (256, 328):
            epoch, = struct.unpack_from("<Q", data, offset)
            try:
                aad = b"argus journal slot v1" + struct.pack("<QI", epoch, ordinal)
                key = open_box(self.genesis.slots_key, data[offset + 8:offset + 68], aad)
            except InvalidTag:
                continue
            if self.slot is None or epoch > self.slot[0]:
                self.slot = (epoch, key)

    def check_slot(self):
        if self.slot and self.slot[0] == self.commits:
            need(self.slot[1] == self.key, f"stream {self.name}: the key in the header is another batch's")

    def next_key(self):
        self.previous_key, self.key = self.key, hkdf(self.key, b"", b"argus journal mac key v1")

    def read_record(self, ordinal, plain):
        record = parse_record(plain)
        where = f"stream {self.name}, segment {ordinal}, record {record['seq']}"
        need(record["seq"] == self.sequence + 1, f"{where}: {self.sequence + 1} was expected")
        need(record["previous"] == self.hash, f"{where}: does not continue the record before")
        if 21 in record["fields"]:
            body, signature = record["fields"][21][:-64], record["fields"][21][-64:]
            signed = (b"argus journal checkpoint v1" + self.genesis.stream + struct.pack("<Q", self.sequence)
                      + self.hash + body)
            try:
                Ed25519PublicKey.from_public_bytes(self.genesis.signer).verify(signature, signed)
            except InvalidSignature:
                raise Finding(f"{where}: the checkpoint's signature is wrong")
        self.sequence, self.hash = record["seq"], record["hash"]
        self.hashes[self.sequence] = self.hash
        self.records.append(record)

    def read_commit(self, plain):
        need(len(plain) == 104 and plain[:8] == b"ARGJCMT1", "malformed commit")
        epoch, sequence, digest, flags, _ = struct.unpack_from("<QQ32sQq", plain, 8)
        where = f"stream {self.name}, batch {epoch}"
        need((epoch, sequence, digest) == (self.commits, self.sequence, self.hash), f"{where}: does not fit here")
        need(hmac.compare_digest(mac(self.key, self.genesis.stream + plain[:72]), plain[72:]), f"{where}: forged")
        self.commits += 1
        self.next_key()
        self.final = bool(flags & 1)


def read_removals(spool, folder, keys):
    path = os.path.join(spool, folder.hex() + ".removed")
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        box = file.read()
    data = None
    for magic, size in ((b"ARGJREM2", 105), (b"ARGJREM1", 85)):
        try:
            data = open_box(hkdf(keys.folder(folder), folder, b"argus journal removals v1"), box, magic)
            break
        except InvalidTag:
            continue
    need(data is not None, "the list of removals does not open")
    try:
        Ed25519PublicKey.from_public_bytes(keys.signer).verify(data[-64:], data[:-64])
    except InvalidSignature:
        raise Finding("the signature of the list of removals is wrong")
    need(data[:8] == magic and data[8:24] == folder, "foreign list of removals")
    count, = struct.unpack_from("<I", data, 24)
    need(len(data) == 28 + count * size + 64, "the list of removals has another length")
    entries = {}
    for index in range(count):
        entry = data[28 + size * index:28 + size * (index + 1)]
        removal = parse_removal(entry[:61])
        removal["stated"] = (entry[61:77], struct.unpack_from("<Q", entry, 77)[0])
        if size == 105:
            removal.update(parse_facts(entry[85:]))
        entries[removal["stream"]] = removal
    return entries


def verify(spool, keys):
    streams = [Stream(spool, name, keys) for name in sorted(os.listdir(spool)) if len(name) == 32]
    streams.sort(key=lambda s: (s.genesis.seconds, s.genesis.nanoseconds, s.name))
    by_id = {stream.genesis.stream: stream for stream in streams}
    removals = {folder: read_removals(spool, folder, keys) for folder in {s.genesis.folder for s in streams}}
    for stream in streams:
        removed = removals[stream.genesis.folder]
        if stream.first > 1:
            entry = removed.get(stream.genesis.stream)
            need(entry and entry["ordinal"] >= stream.first - 1, f"stream {stream.name}: its beginning is missing")
            if entry["ordinal"] == stream.first - 1:
                need((entry["sequence"], entry["hash"]) == (stream.start, stream.start_hash),
                     f"stream {stream.name}: what is left does not follow from what was removed")
        for parent, sequence, digest, final in stream.genesis.parents:
            found = by_id.get(parent)
            if found is None:
                need(removed.get(parent, {}).get("whole"), f"stream {parent.hex()} is missing")
                continue
            need(found.sequence >= sequence, f"stream {found.name}: its end was cut")
            need(not final or found.sequence == sequence, f"stream {found.name}: something follows its end")
            need(sequence == 0 or found.hashes.get(sequence, digest) == digest, f"stream {found.name}: is another one")
    for folder, removed in removals.items():
        for entry in removed.values():
            by, at = entry["stated"]
            found = by_id.get(by)
            if found is None:
                need(removed.get(by, {}).get("whole"), f"stream {by.hex()} is missing")
            elif at > found.start:
                need(any(record["seq"] == at and {k: v for k, v in entry.items() if k != "stated"} in stated(record)
                         for record in found.records if record["activity"] == 27),
                     f"stream {found.name}, record {at}: does not state what the list says")
    return streams


def rfc3339(time):
    seconds, nanoseconds = time
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") \
        + f".{nanoseconds:09}Z"


def show(stream, record):
    fields = record["fields"]
    text = lambda kind: fields.get(kind, b"").decode("utf-8", "replace")
    number = lambda kind: int.from_bytes(fields[kind], "little")
    line = {
        "seq": record["seq"], "activity": ACTIVITIES[record["activity"] - 1],
        "status": "success" if record["status"] == 1 else "failure", "person": text(1),
        "uid": number(2) if 2 in fields else 0xFFFFFFFF, "program": text(5), "path": text(11),
        "folderId": stream.genesis.folder.hex(), "device": stream.genesis.device.hex(),
        "stream": stream.genesis.stream.hex(), "monotonic": record["monotonic"], "hash": record["hash"].hex(),
        "fileId": fields.get(10, b"").hex(),
    }
    for kind, name in ((3, "auid"), (7, "session"), (8, "parentPid"), (14, "bytes"), (15, "size")):
        if kind in fields:
            line[name] = number(kind)
    for kind, name in ((9, "parentProgram"), (12, "secondPath"), (13, "reason")):
        if kind in fields:
            line[name] = text(kind)
    for kind, name in ((6, "programSha256"), (16, "capsule"), (24, "sourceFolderId"), (25, "destinationFolderId")):
        if kind in fields:
            line[name] = fields[kind].hex()
    if 22 in fields:
        names = ("read", "write", "execute", "truncate")
        line["access"] = ",".join(name for bit, name in enumerate(names) if fields[22][0] >> bit & 1)
    if 23 in fields:
        line["bytesWritten"] = number(23)
        line["bytesRead"] = line.get("bytes", 0) - line["bytesWritten"]
    if 17 in fields:
        line["seen"] = {1: "exact", 2: "inferred"}[fields[17][0]]
    if 19 in fields:
        line["count"], line["firstSeq"] = struct.unpack_from("<QQ", fields[19])
    if 20 in fields:
        line["gapStream"] = fields[20][:16].hex()
        line["gapFirst"], line["gapLast"] = struct.unpack_from("<QQ", fields[20], 16)
    if 26 in fields:
        line["indexCommit"] = int.from_bytes(fields[26][:8], "little")
        line["indexRoot"] = fields[26][8:24].hex()
    if 21 in fields:
        line["checkpoint"] = {1: "segmentEnd", 2: "close", 3: "removal"}[fields[21][0]]
        removed = []
        for removal in stated(record):
            shown = {"stream": removal["stream"].hex(), "throughSeq": removal["sequence"]}
            if removal.get("time", (0, 0)) != (0, 0):
                shown["throughTime"] = rfc3339(removal["time"])
            if removal.get("bytes"):
                shown["bytes"] = removal["bytes"]
            shown["left"] = "nothing" if removal["whole"] else "the rest"
            removed.append(shown)
        if removed:
            line["removed"] = removed
    if 27 in fields:
        line["aboutFolderId"] = fields[27].hex()
    if 28 in fields:
        heads = [struct.unpack_from("<16sQ32s", fields[28], at) for at in range(0, len(fields[28]), 56)]
        line["aboutHeads"] = " ".join(f"{stream.hex()}:{sequence}:{digest.hex()}" for stream, sequence, digest in heads)
    return line


def compare(lines, path):
    with open(path, encoding="utf-8") as file:
        expected = {(line["stream"], line["seq"]): line for line in map(json.loads, file)}
    need(len(lines) == len(expected), f"{len(lines)} records instead of {len(expected)}")
    for line in lines:
        other = expected.get((line["stream"], line["seq"]), {})
        for name, value in line.items():
            need(other.get(name) == value, f"stream {line['stream']}, record {line['seq']}: {name} is {other.get(name)}")


def main():
    spool, master, realm = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
    try:
        streams = verify(spool, Keys(master, realm))
        lines = [show(stream, record) for stream in streams for record in stream.records]
        if len(sys.argv) > 4:
            return compare(lines, sys.argv[4])
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
    except Finding as finding:
        print(finding, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
