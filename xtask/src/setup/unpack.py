"""Unpack part of a wheel: unpack.py WHEEL FOLDER [BEGINNING REPLACEMENT]...

Every entry whose path starts with a BEGINNING is written below FOLDER with the REPLACEMENT in its place.
A BEGINNING that no entry has is an error. Ends when everything is on the disk.
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
        beginning = next((rule for rule in rules if entry.filename.startswith(rule)), None)
        if beginning is None or entry.is_dir():
            continue
        unused.discard(beginning)
        target = os.path.join(folder, rules[beginning] + entry.filename[len(beginning) :])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
if unused:
    sys.exit(f"{wheel}: nothing in it begins with {', '.join(sorted(unused))}")
os.sync()
