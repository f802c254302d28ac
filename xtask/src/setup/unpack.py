"""Unpack part of a wheel: unpack.py WHEEL FOLDER [PREFIX REPLACEMENT]...

Writes every entry whose path starts with a PREFIX below FOLDER, with the REPLACEMENT in its place.
A PREFIX that no entry has is an error. Returns once everything is on the disk.
"""

import os
import shutil
import sys
import zipfile

wheel, folder, *words = sys.argv[1:]
rules = dict(zip(words[::2], words[1::2]))
unused = set(rules)
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        prefix = next((rule for rule in rules if entry.filename.startswith(rule)), None)
        if prefix is None or entry.is_dir():
            continue
        unused.discard(prefix)
        target = os.path.join(folder, rules[prefix] + entry.filename[len(prefix) :])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
if unused:
    sys.exit(f"{wheel}: found no entry that starts with {', '.join(sorted(unused))}")
os.sync()
