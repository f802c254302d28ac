"""Write small datasets in their published formats, with the libraries that write the real ones.

    python tests/golden/datasets/make.py

Needs NumPy, openpyxl and xlwt. Each value of an image is a function of its position, from which a test
computes the expected value: `(sample * 7 + row * 5 + column * 3 + channel) % 251`.
"""

import gzip
from pathlib import Path

import numpy as np
import openpyxl
import xlwt

HERE = Path(__file__).parent


def pictures(first, count, side, channels):
    i, y, x, c = np.ogrid[first : first + count, :side, :side, :channels]
    values = ((i * 7 + y * 5 + x * 3 + c) % 251).astype(np.uint8)
    return values if channels == 3 else values[..., 0]


def medmnist(name, side, channels, classes, save, dtype, labels=1):
    arrays, first = {}, 0
    for split, count in [("train", 4), ("val", 2), ("test", 3)]:
        arrays[f"{split}_images"] = pictures(first, count, side, channels)
        targets = np.arange(first, first + count)[:, None] % classes
        if labels > 1:
            targets = (np.arange(first, first + count)[:, None] + np.arange(labels)) % 3 == 0
        arrays[f"{split}_labels"] = targets.astype(dtype)
        first += count
    save(HERE / name, **arrays)


medmnist("pathmnist.npz", 28, 3, 9, np.savez_compressed, np.uint8)
medmnist("dermamnist_64.npz", 64, 3, 7, np.savez_compressed, np.int64)
medmnist("bloodmnist.npz", 4, 3, 8, np.savez, np.uint8)
medmnist("octmnist.npz", 28, 1, 4, np.savez_compressed, np.uint8)
medmnist("chestmnist.npz", 28, 1, 2, np.savez_compressed, np.uint8, labels=14)

for version, count, dtype in [("v4", 3, np.int64), ("v6", 2, np.int32)]:
    np.save(HERE / f"cifar10.1_{version}_data.npy", pictures(0, count, 32, 3))
    np.save(HERE / f"cifar10.1_{version}_labels.npy", np.arange(count).astype(dtype) + 7)


def annotations(name, rows):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Feuil1")
    header = ["Image name", "Ophthalmologic department", "Retinopathy grade", "Risk of macular edema "]
    for column, text in enumerate(header):
        sheet.write(0, column, text)
    for row, (image, grade) in enumerate(rows, start=1):
        for column, value in enumerate([image, "Service Ophtalmologie Lariboisière", grade, 0]):
            sheet.write(row, column, value)
    book.save(HERE / name)


annotations("Annotation_Base11.xls", [("20051019_38557_0100_PP.tif", 3), ("20051020_43808_0100_PP.tif", 0)])
annotations("Annotation_Base11_update.xls", [("20051019_38557_0100_PP.tif", 2), ("20051020_43808_0100_PP.tif", 0)])

book = openpyxl.Workbook()
rows = [["path", "label", "group", None], ["img/000", 0, "p1", None], ["img\\001.bmp", 1.0, 2, None]]
for row in [*rows, [None, None, None, " "], ["img/002.bmp", 1, None, None]]:
    book.active.append(row)
book.save(HERE / "labels.xlsx")

split = """dicom_id,study_id,subject_id,split
02aa804e-bde0afdd-112c0b34-7bc16630-4e384014,50414267,10000032,train
174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962,50414267,10000032,train
2a2277a9-b0ded155-c0de8eb9-c124d10e-82c5caab,53189527,10000033,validate
e084de3b-be89b11e-20fe3f9f-9c8d8dfe-4cfd202c,53911762,10000034,test
68b5c4b1-227d0485-9cc38c3f-7b84ab51-4b472714,56699142,10000764,test
"""
with gzip.GzipFile(HERE / "mimic-cxr-2.0.0-split.csv.gz", "wb", mtime=0) as file:
    file.write(split.encode())
