#!/usr/bin/env python3
"""Checks the known answers beside this file against Python's `cryptography`, hashlib and hmac."""
import hashlib
import hmac
import pathlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def cases(name):
    text = (pathlib.Path(__file__).parent / name).read_text()
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        yield {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


def raw(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def gcm(c):
    sealed = AESGCM(c["key"]).encrypt(c["nonce"], c["plaintext"], c["aad"])
    assert sealed == c["ciphertext"] + c["tag"]


def hmac256(c):
    assert hmac.new(c["key"], c["message"], "sha256").digest()[: len(c["code"])] == c["code"]


def hkdf(c):
    assert HKDF(hashes.SHA256(), c["count"], c["salt"], c["info"]).derive(c["key"]) == c["output"]


def scrypt(c):
    n, r, p = 1 << c["logN"], c["r"], c["p"]
    made = hashlib.scrypt(c["passphrase-text"], salt=c["salt-text"], n=n, r=r, p=p, dklen=len(c["output"]))
    assert made == c["output"]


def sha256(c):
    assert hashlib.sha256(c["text"]).digest() == c["hash"]


def x25519(c):
    key = X25519PrivateKey.from_private_bytes(c["secret"])
    assert raw(key) == c.get("public", raw(key))
    assert key.exchange(X25519PublicKey.from_public_bytes(c["peer"])) == c["shared"]


def ed25519(c):
    key = Ed25519PrivateKey.from_private_bytes(c["secret"])
    assert raw(key) == c["public"]
    assert key.sign(c["message"]) == c["signature"]


def value(name, text):
    if name in ("count", "logN", "r", "p"):
        return int(text)
    if name in ("text", "passphrase-text", "salt-text"):
        return text.encode()
    return bytes.fromhex(text)


for file, check, count in [
    ("aes-256-gcm.txt", gcm, 4), ("sha-256.txt", sha256, 4), ("hmac-sha-256.txt", hmac256, 7),
    ("hkdf-sha-256.txt", hkdf, 3), ("scrypt.txt", scrypt, 3), ("x25519.txt", x25519, 4), ("ed25519.txt", ed25519, 4),
]:
    found = [{name: value(name, text) for name, text in case.items()} for case in cases(file)]
    assert len(found) == count, (file, len(found))
    for number, case in enumerate(found, 1):
        try:
            check(case)
        except AssertionError:
            raise SystemExit(f"{file}: case {number} does not hold")
    print(f"{file}: {count} cases hold")
