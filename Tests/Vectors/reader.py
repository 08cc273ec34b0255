#!/usr/bin/env python3
"""Opens and checks an ARGUS capsule, from docs/formats/capsule.md alone.

    reader.py CAPSULE KEYS.json FILE_ID_HEX [COMMIT TAG_HEX]     content to standard output, what it is to standard error
    reader.py --check CAPSULE KEYS.json FILE_ID_HEX COMMIT TAG_HEX        one finding a line
    reader.py --vectors DIRECTORY                                checks every vector there

KEYS.json: {"folder": hex, "folderKeys": [hex of generation 1, …], "namingKey": hex}. Ends with 1 where something does
not fit.
"""

import hashlib
import hmac
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGE = 4096
SIZE_MAX = 1 << 44
PAGE_MAX = 1 << 48
DATA, MAP, FREE = 1, 2, 3
PAGES_SYNCED, ORDERED, LISTED = 1, 2, 4
ORIGIN = 0x8002
HOLE = bytes(64)


class Failure(Exception):
    """What docs/formats/capsule.md calls a finding, or why nothing can be judged."""


def need(condition, finding):
    if not condition:
        raise Failure(finding)


def number(data, at, count):
    return int.from_bytes(data[at : at + count], "little")


def le(value, count):
    return value.to_bytes(count, "little")


def hkdf(key, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def prf(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()[:16]


def is_zero(data):
    return not any(data)


class Keys:
    def __init__(self, folder, folder_keys, naming_key):
        self.folder = bytes.fromhex(folder)
        self.folder_keys = {n + 1: bytes.fromhex(k) for n, k in enumerate(folder_keys) if k}
        self.naming = bytes.fromhex(naming_key)

    def object_name(self, file):
        return prf(self.naming, b"argus object name v1", file)

    def file_id(self, inode):
        return prf(self.naming, b"argus file id v1", le(inode, 8))

    def wrapping_key(self, file, generation, holder):
        info = b"argus capsule v1 wrap" + self.folder + le(generation, 4) + le(holder, 4)
        return hkdf(self.folder_keys[holder], file, info)


def sealing_key(file_key):
    return hkdf(file_key, None, b"argus capsule v1 seal")


def commitment(file_key):
    return hkdf(file_key, None, b"argus capsule v1 commit")


class Entry:
    def __init__(self, data):
        self.data = data
        self.page, self.birth = number(data, 0, 8), number(data, 8, 8)
        self.generation, self.kind = number(data, 16, 4), number(data, 20, 4)
        self.nonce, self.tag = data[24:36], data[36:52]

    @property
    def is_hole(self):
        return self.data == HOLE

    def fits(self, kind, generation):
        return self.is_hole or (
            is_zero(self.data[52:])
            and self.kind == kind
            and self.generation == generation
            and self.birth > 0
            and 2 <= self.page < PAGE_MAX
        )


def entries(data):
    return [Entry(data[at : at + 64]) for at in range(0, len(data), 64)]


def extents(data, count):
    return [(number(data, 16 * n, 8), number(data, 16 * n + 8, 8)) for n in range(count)]


def are_ascending(listed, end):
    last = None
    for start, count in listed:
        if start < 2 or count < 1 or start + count > max(end, 2) or (last is not None and start <= last):
            return False
        last = start + count
    return True


class Slot:
    """Header and root of one of the first two pages."""

    def __init__(self, page, slot, keys, file):
        self.number = slot
        self.parse_header(page)
        need(self.folder == keys.folder and self.file == file, f"wrongIdentity({slot})")
        self.sealing = self.unwrap(keys)
        head = page[: self.header_size]
        try:
            plain = AESGCM(self.sealing).decrypt(head[-12:], page[self.header_size :], head)
        except InvalidTag:
            raise Failure(f"root({slot})") from None
        self.tag = page[-16:]
        need(self.parse_root(plain), f"root({slot})")
        for kind in self.extension_types:
            need(kind < 0x8000 or kind == ORIGIN, f"newerFormat({kind})")

    def parse_header(self, page):
        bad = f"header({self.number})"
        need(page[:8] == b"ARGUSCAP", bad)
        version = number(page, 8, 2)
        need(version <= 1, f"newerFormat({version})")
        need(version == 1 and number(page, 10, 2) == 1 and page[12] == 12 and page[13] == self.number, bad)
        self.header_size = number(page, 14, 2)
        self.folder, self.file = page[16:32], page[32:48]
        self.generation = number(page, 48, 4)
        count, size = number(page, 52, 2), number(page, 54, 2)
        need(is_zero(page[56:64]) and size <= 1024 and self.header_size == 64 + size + 44, bad)
        self.stanzas = []
        rest = page[64 : 64 + size]
        for _ in range(count):
            need(len(rest) >= 4 and len(rest) >= 4 + number(rest, 2, 2), bad)
            self.stanzas.append((number(rest, 0, 2), rest[4 : 4 + number(rest, 2, 2)]))
            rest = rest[4 + number(rest, 2, 2) :]
        need(not rest, bad)
        self.commitment = page[64 + size : 64 + size + 32]

    def unwrap(self, keys):
        failure = f"header({self.number})"
        for kind, body in self.stanzas:
            if kind != 1 or len(body) != 64:
                continue
            holder = number(body, 0, 4)
            if holder not in keys.folder_keys:
                failure = f"noKey({holder})"
                continue
            aad = le(1, 2) + le(1, 2) + self.folder + self.file + le(self.generation, 4) + le(holder, 4)
            key = keys.wrapping_key(self.file, self.generation, holder)
            try:
                file_key = AESGCM(key).decrypt(body[4:16], body[16:], aad)
            except InvalidTag:
                raise Failure(f"header({self.number})") from None
            need(hmac.compare_digest(commitment(file_key), self.commitment), f"keyCommitment({self.number})")
            self.holder = holder
            return sealing_key(file_key)
        raise Failure(failure)

    def parse_root(self, root):
        self.commit, self.base, self.flags = number(root, 0, 8), number(root, 8, 8), number(root, 16, 4)
        self.height, self.content_kind, extent_count, label_flags = root[20:24]
        self.size, self.page_count = number(root, 24, 8), number(root, 32, 8)
        self.data_pages, self.map_pages, self.seals = (number(root, at, 8) for at in (40, 48, 56))
        self.times = []
        for at in range(64, 112, 12):
            seconds = int.from_bytes(root[at : at + 8], "little", signed=True)
            self.times.append((seconds, number(root, at + 8, 4)))
        self.other_tag = root[112:128]
        self.free_list = Entry(root[128:192])
        self.free_extents = extents(root[192:320], extent_count) if extent_count <= 8 else []
        name_size, extension_size = number(root, 348, 2), number(root, 350, 2)
        self.content = root[608:2656]
        return (
            self.base < self.commit
            and self.flags <= 7
            and self.height <= 5
            and self.content_kind in (1, 2)
            and extent_count <= 8
            and label_flags in (0, 1, 3)
            and self.size <= SIZE_MAX
            and 1 <= self.page_count <= PAGE_MAX
            and max(self.data_pages, self.map_pages) <= self.page_count
            and all(nanoseconds < 10**9 for _, nanoseconds in self.times)
            and self.free_list.fits(FREE, self.generation)
            and is_zero(root[192 + 16 * extent_count : 320])
            and (extent_count == 0 or (self.flags & LISTED and self.free_list.is_hole))
            and (self.free_list.is_hole or self.flags & LISTED)
            and are_ascending(self.free_extents, self.page_count)
            and name_size <= 255
            and is_zero(root[352 + name_size : 608])
            and self.parse_label(root, label_flags, name_size)
            and self.content_fits()
            and 2656 + extension_size <= len(root)
            and is_zero(root[2656 + extension_size :])
            and self.parse_extensions(root[2656 : 2656 + extension_size])
        )

    def parse_label(self, root, flags, name_size):
        self.label = None
        if not flags & 1:
            return is_zero(root[320:350])
        self.label = {
            "name": root[352 : 352 + name_size].hex(),
            "parent": root[320:336].hex() if flags & 2 else None,
            "uid": number(root, 336, 4),
            "gid": number(root, 340, 4),
            "mode": number(root, 344, 4),
        }
        return flags & 2 or is_zero(root[320:336])

    def content_fits(self):
        if self.content_kind == 1:
            return self.height == 0 and 0 < self.size <= 2048 and is_zero(self.content[self.size :])
        return all(entry.fits(MAP if self.height else DATA, self.generation) for entry in entries(self.content))

    def parse_extensions(self, data):
        self.extension_types = []
        self.origin = self.folder
        while data:
            if len(data) < 4 or len(data) < 4 + number(data, 2, 2):
                return False
            kind, value = number(data, 0, 2), data[4 : 4 + number(data, 2, 2)]
            if kind == ORIGIN:
                if ORIGIN in self.extension_types or len(value) != 16:
                    return False
                self.origin = value
            self.extension_types.append(kind)
            data = data[4 + len(value) :]
        return True

    def may_be_lost(self, entry):
        return entry.birth > self.base


class Capsule:
    def __init__(self, data, keys, file):
        self.data = data
        self.slots, self.failures, self.is_empty = {}, [], {}
        for slot in (0, 1):
            page = data[slot * PAGE : slot * PAGE + PAGE]
            self.is_empty[slot] = is_zero(page)
            if self.is_empty[slot]:
                continue
            try:
                need(len(page) == PAGE, "truncated")
                self.slots[slot] = Slot(page, slot, keys, file)
            except Failure as failure:
                self.failures.append(str(failure))
        # What cannot be judged before what is wrong.
        self.failures.sort(key=lambda failure: not failure.startswith(("noKey", "newerFormat")))
        self.newest_first = sorted(self.slots.values(), key=lambda slot: -slot.commit)
        self.root = None

    # Choosing

    def choose(self, how, commit=0, tag=None):
        """how: clean, dirty, ordered or any."""
        self.root = self.choose_exactly(commit, tag) if how == "clean" else self.choose_newest(how, commit, tag)
        return self.root

    def choose_exactly(self, commit, tag):
        if not self.newest_first:
            raise Failure(self.failures[0] if self.failures else "truncated")
        newest = self.newest_first[0]
        if newest.commit == commit and newest.tag == tag:
            return newest
        if newest.commit < commit:
            raise Failure(self.failures[0] if self.failures else f"rolledBack({newest.commit},{commit})")
        raise Failure(f"unexpectedRoot({newest.commit},{commit})")

    def choose_newest(self, how, at_least, tag):
        failure = self.failures[0] if self.failures else None
        wanted = [slot for slot in self.newest_first if how != "ordered" or slot.flags & ORDERED]
        for slot in wanted:
            if slot.commit < at_least:
                break
            if at_least and slot.commit == at_least:
                need(tag is None or slot.tag == tag, f"unexpectedRoot({at_least},{at_least})")
                return slot
            try:
                self.check_new_pages(slot)
                return slot
            except Failure as finding:
                failure = str(finding)
        if failure:
            raise Failure(failure)
        need(self.newest_first, "truncated")
        raise Failure(f"rolledBack({wanted[0].commit if wanted else 0},{at_least})")

    def check_new_pages(self, slot):
        if slot.flags & PAGES_SYNCED:
            return
        self.read_free_list(slot)
        for _ in self.walk(slot, slot.may_be_lost):
            pass

    # Pages

    def open(self, slot, entry, kind, level, position):
        """The plaintext, or None."""
        page = self.data[entry.page * PAGE : entry.page * PAGE + PAGE]
        aad = le(1, 2) + bytes([kind, level]) + le(slot.generation, 4) + slot.origin + slot.file + le(position, 8)
        try:
            return AESGCM(slot.sealing).decrypt(entry.nonce, page + entry.tag, aad) if len(page) == PAGE else None
        except InvalidTag:
            return None

    def open_node(self, slot, entry, level, index):
        plain = self.open(slot, entry, MAP, level, index)
        need(plain is not None, f"mapPage({entry.page})")
        node = entries(plain)
        kind = DATA if level == 1 else MAP
        need(all(child.fits(kind, slot.generation) for child in node), f"mapPage({entry.page})")
        return node

    def walk(self, slot, wanted=lambda entry: True, found=None):
        """Opens the wanted pages of a tree: (kind, entry, position, plaintext). Findings go to `found`, or are raised."""
        if slot.content_kind == 1:
            return
        yield from self.walk_node(slot, entries(slot.content), slot.height + 1, 0, wanted, found)

    def walk_node(self, slot, node, level, first, wanted, found):
        for place, entry in enumerate(node):
            if entry.is_hole or not wanted(entry):
                continue
            index = first + place
            try:
                if level == 1:
                    plain = self.open(slot, entry, DATA, 0, index)
                    yield DATA, entry, index, plain
                    need(plain is not None, f"dataPage({entry.page},{index * PAGE})")
                else:
                    yield MAP, entry, index, None
                    child = self.open_node(slot, entry, level - 1, index)
                    yield from self.walk_node(slot, child, level - 1, index * 64, wanted, found)
            except Failure as finding:
                if found is None:
                    raise
                found.append(str(finding))

    def read_free_list(self, slot):
        """The free extents, and the pages of the list itself."""
        if slot.free_list.is_hole:
            return slot.free_extents, []
        listed, pages, entry = [], [], slot.free_list
        while not entry.is_hole:
            need(len(pages) < slot.page_count, "freeList")
            page = self.open(slot, entry, FREE, 0, len(pages))
            need(page is not None, "freeList")
            pages.append(entry.page)
            entry, count = Entry(page[:64]), number(page, 64, 8)
            need(
                entry.fits(FREE, slot.generation)
                and 1 <= count <= 251
                and is_zero(page[72:80])
                and is_zero(page[80 + 16 * count :]),
                "freeList",
            )
            listed += extents(page[80:], count)
        need(are_ascending(listed, slot.page_count), "freeList")
        return listed, pages

    # Reading

    def content(self):
        """The content as {offset: bytes} of what is stored; the rest is zeros."""
        root = self.root
        if root.content_kind == 1:
            return {0: root.content[: root.size]}
        pieces = {}
        for kind, _, index, plain in self.walk(root):
            if kind == DATA and plain is not None and index * PAGE < root.size:
                pieces[index * PAGE] = plain[: root.size - index * PAGE]
        return pieces

    def content_digest(self):
        """SHA-256 over the pages that are not zero: offset 8 and the page, cut at the size."""
        digest = hashlib.sha256()
        for offset, piece in sorted(self.content().items()):
            if any(piece):
                digest.update(le(offset, 8) + piece)
        return digest.hexdigest()

    # Checking

    def check(self):
        """Everything that the rules of a capsule at rest forbid."""
        root, findings = self.root, []
        used, is_whole, counts = self.pages_of(root, findings)
        listed = None
        try:
            listed, list_pages = self.read_free_list(root)
            used += list_pages
        except Failure as finding:
            findings.append(str(finding))
        if counts != (root.data_pages, root.map_pages):
            findings.append("pageCount")

        if len(self.data) > root.page_count * PAGE:
            findings.append("trailingBytes")
        if len(self.data) < root.page_count * PAGE:
            findings.append("truncated")
        other_slot = 1 - root.number
        other = self.slots.get(other_slot)
        is_other_good = is_zero(root.other_tag) if self.is_empty[other_slot] else bool(other and other.tag == root.other_tag)
        if not is_other_good:
            findings.append(f"otherSlot({other_slot})")
        if len(set(used)) != len(used) or any(page >= max(root.page_count, 2) for page in used):
            return findings + ["pageCount"]
        if not is_whole or listed is None:
            return findings
        free = [page for page in range(2, root.page_count) if page not in set(used)]
        if not root.flags & LISTED or free != [page for start, count in listed for page in range(start, start + count)]:
            findings.append("freeList")
        kept = []
        if is_other_good and other:
            kept_findings = []
            kept, _, _ = self.pages_of(other, kept_findings)
            try:
                kept += self.read_free_list(other)[1]
            except Failure:
                kept_findings.append(f"keptPage({other.free_list.page})")
            for finding in kept_findings:
                page = int(finding.partition("(")[2].rstrip(")").split(",")[0])
                if page not in used:
                    findings.append(f"keptPage({page})")
            if kept_findings:
                return findings
        for page in free:
            if page not in kept and not is_zero(self.data[page * PAGE : page * PAGE + PAGE]):
                findings.append(f"freePage({page})")
        return findings

    def pages_of(self, slot, findings):
        pages, found, data, nodes = [], [], 0, 0
        last = slot.size // PAGE
        for kind, entry, index, plain in self.walk(slot, found=found):
            pages.append(entry.page)
            data, nodes = data + (kind == DATA), nodes + (kind == MAP)
            if plain is not None and (index * PAGE >= slot.size or (index == last and any(plain[slot.size % PAGE :]))):
                found.append(f"dataPage({entry.page},{index * PAGE})")
        findings += found
        return pages, not found, (data, nodes)


# Vectors


def stream(label, count):
    """The bytes that the vectors call random: SHA-256(label ‖ block number 8), block after block."""
    blocks = (hashlib.sha256(label.encode() + le(n, 8)).digest() for n in range((count + 31) // 32))
    return b"".join(blocks)[:count]


def edited(read, vector):
    data = bytearray(read(vector["base"] + ".capsule"))

    def put(value, at):
        data.extend(bytes(max(0, at + len(value) - len(data))))
        data[at : at + len(value)] = value

    for edit in vector["edits"]:
        if "flip" in edit:
            data[edit["flip"]] ^= 1
        elif "bytes" in edit:
            put(bytes.fromhex(edit["bytes"]), edit["at"])
        elif "zeroPage" in edit:
            put(bytes(PAGE), edit["zeroPage"] * PAGE)
        elif "size" in edit:
            data[edit["size"] :] = bytes(max(0, edit["size"] - len(data)))
        else:
            source = read(edit["of"] + ".capsule") if "of" in edit else bytes(data)
            page = source[edit["copyPage"] * PAGE : edit["copyPage"] * PAGE + PAGE]
            put(page, edit["to"] * PAGE)
    return bytes(data)


def outcome(body):
    try:
        return body()
    except Failure as failure:
        return str(failure)


def check_keys(vectors):
    keys = Keys(vectors["folder"], vectors["folderKeys"], vectors["namingKey"])
    d = vectors["derivations"]
    file, file_key = bytes.fromhex(d["file"]), bytes.fromhex(d["fileKey"])
    same = [
        (keys.object_name(file), d["objectName"]),
        (keys.file_id(d["inode"]), d["fileOfInode"]),
        (sealing_key(file_key), d["sealingKey"]),
        (commitment(file_key), d["commitment"]),
        (keys.wrapping_key(file, 1, 1), d["wrappingKey"]),
    ]
    aad = le(1, 2) + le(1, 2) + keys.folder + file + le(1, 4) + le(1, 4)
    nonce = bytes.fromhex(d["wrapNonce"])
    body = le(1, 4) + nonce + AESGCM(keys.wrapping_key(file, 1, 1)).encrypt(nonce, file_key, aad)
    same.append((le(1, 2) + le(64, 2) + body, d["stanza"]))
    same.append((stream(d["random"], 44), d["fileKey"] + d["wrapNonce"]))
    return keys, all(found == bytes.fromhex(expected) for found, expected in same)


def run_vectors(directory):
    def read(name):
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()

    vectors = json.loads(read("vectors.json"))
    keys, is_good = check_keys(vectors)
    failures = [] if is_good else ["derivations"]
    by_name = {vector["name"]: vector for vector in vectors["capsules"]}
    for vector in vectors["capsules"]:
        capsule = Capsule(read(vector["name"] + ".capsule"), keys, bytes.fromhex(vector["file"]))
        root = capsule.choose("clean", vector["commit"], bytes.fromhex(vector["tag"]))
        found = [root.size, root.holder, root.label, capsule.content_digest(), capsule.check()]
        expected = [vector["size"], vector["folderKey"], vector.get("label"), vector["sha256"], []]
        if found != expected or keys.object_name(root.file).hex() != vector["objectName"]:
            failures.append(f"{vector['name']}: {found}")
    for vector in vectors["damaged"]:
        base = by_name[vector["base"]]
        data = edited(read, vector)
        held = Keys(vectors["folder"], vectors["folderKeys"][: vector.get("keysHeld", 9)], vectors["namingKey"])
        capsule = Capsule(data, held, bytes.fromhex(base["file"]))
        exactly = ("clean", base["commit"], bytes.fromhex(base["tag"]))

        def read_exactly():
            capsule.choose(*exactly)
            capsule.content_digest()
            return "ok"

        def check_exactly():
            capsule.choose(*exactly)
            return " ".join(sorted(capsule.check()))

        def recover():
            durable = vector["recovery"]
            root = capsule.choose("dirty", durable["atLeast"], bytes.fromhex(durable["tag"]))
            return f"commit {root.commit}"

        found = {"read": outcome(read_exactly), "check": outcome(check_exactly)}
        expected = {"read": vector["read"], "check": vector["check"]}
        if "recovery" in vector:
            found["recovered"], expected["recovered"] = outcome(recover), vector["recovery"]["taken"]
        if found != expected:
            failures.append(f"{vector['name']}: {found}, expected {expected}")
    print(f"{len(by_name)} capsules, {len(vectors['damaged'])} damaged: {len(failures)} differ")
    for failure in failures:
        print(failure)
    return not failures


def main(arguments):
    if arguments[:1] == ["--vectors"]:
        return run_vectors(arguments[1])
    is_check = arguments[:1] == ["--check"]
    path, keys_path, file, *known = arguments[1:] if is_check else arguments
    with open(keys_path, encoding="utf-8") as source:
        held = json.load(source)
    with open(path, "rb") as source:
        capsule = Capsule(
            source.read(), Keys(held["folder"], held["folderKeys"], held["namingKey"]), bytes.fromhex(file)
        )
    try:
        if known:
            capsule.choose("clean", int(known[0]), bytes.fromhex(known[1]))
        else:
            capsule.choose("any")
        if is_check:
            findings = capsule.check()
            for finding in findings:
                print(finding)
            return not findings
        root = capsule.root
        print(json.dumps({"commit": root.commit, "size": root.size, "label": root.label}), file=sys.stderr)
        position = 0
        for offset, piece in sorted(capsule.content().items()):
            sys.stdout.buffer.write(bytes(offset - position) + piece)
            position = offset + len(piece)
        sys.stdout.buffer.write(bytes(root.size - position))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
