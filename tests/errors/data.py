#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the wrong data files of this folder's programs into data/, next to it or under the folder given."""
import io
import os
import struct
import sys
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(here, "data") if len(sys.argv) < 2 else sys.argv[1]
os.makedirs(folder, exist_ok=True)


def write(name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def npy(descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def npz(name, entries, method=zipfile.ZIP_STORED):
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", method) as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry), content, compress_type=method)
    write(name, box.getvalue())
    return box.getvalue()


write("schools.json", '{"J": 8, "y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]}')
write("null.json", '{"y": [1.5, null, 2]}')
write("cut.json", '{"y": [1, 2')
write("deep.json", "[" * 1000 + "]" * 1000)
write("duplicate.json", '{"y": 1,\n "y": 2}')
write("good.csv", "height,name\n1.5,Ann\n1.7,Bob\n2,Cid\n")
write("missing.csv", "y,name\n1,a\nNA,\n3,c\n")
write("ragged.csv", "a,b\n1,2\n3\n")
write("quote.csv", 'a,b\n1,2\n3,"x\n')
write("typo.csv", "y\n1\n2\nthree\n")
write("latin1.csv", b"name\nJos\xe9\n")
write("utf16.csv", "a,b\n1,2\n".encode("utf-16"))
write("no-header.csv", "1,2\n3,4\n")
write("empty.csv", "")
two = struct.pack("<dd", 1, 2)
write("object.npy", npy("|O", "(1,)", b"cposix\nsystem\n"))
write("cut.npy", npy("<f8", "(3,)", two))
write("huge.npy", npy("<f8", "(1000000000000, 1000000)", two))
write("text.npy", npy("<U1", "(2,)", b"a\0\0\0b\0\0\0"))
write("not.npy", "1 2 3\n")
write("not.npz", "1 2 3\n")
write("not.so", "1 2 3\n")
npz("entry.npz", {"notes.txt": "hello"})
npz("pickle.npz", {"x.npy": npy("|O", "(1,)", b"cposix\nsystem\n")})
npz("bzip2.npz", {"x.npy": npy("<f8", "(2,)", two)}, zipfile.ZIP_BZIP2)
# An entry that says it unpacks to 2^31 bytes: the uncompressed size of local header and directory, changed.
bytes_ = bytearray(npz("bomb.npz", {"x.npy": npy("<f8", "(1000,)", b"\0" * 8000)}, zipfile.ZIP_DEFLATED))
bytes_[22:26] = struct.pack("<I", 1 << 31)
central = bytes_.index(b"PK\x01\x02")
bytes_[central + 24 : central + 28] = struct.pack("<I", 1 << 31)
write("bomb.npz", bytes(bytes_))
