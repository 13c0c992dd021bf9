from limbeck.data import PackedRows
from limbeck.records import CropKind, Flag, FoundObject, ImageInfo, Quality, Reason, Status

SCORES = {name: 0.1 + 0.2 + 0.01 * n for n, name in enumerate(Quality.model_fields)}


def row(number: int) -> ImageInfo:
    if number % 3 == 0:
        return ImageInfo(
            source=f"{number}.txt", status=Status.REJECTED, reason=Reason.NOT_AN_IMAGE, detail="no"
        )
    return ImageInfo(
        source=f"Zoë/{number}.jpg", id=f"{number:016x}", sha256="ab" * 32, status=Status.ACCEPTED,
        width=300, height=200, box=(50, 0, 250, 200), crop=CropKind.DETECT, label=number,
        objects=(FoundObject(name="dog", score=0.1 + 0.2, box=(1, 2, 30, 40)),),
        quality=Quality(**SCORES), flags=(Flag.DARK, Flag.TEXT), copies=0, shard=0, row=number,
    )  # fmt: skip


def test_rows_come_back_as_they_were() -> None:
    rows = [row(n) for n in range(20)]
    packed = PackedRows(rows)
    assert list(packed) == rows
    assert packed[7] == rows[7]
    assert packed[-1] == rows[-1]
    assert packed[2:5] == rows[2:5]
    assert len(packed) == 20
    assert row(4) in packed
    assert PackedRows.of(packed) is packed
    assert PackedRows.of(iter(rows)) == packed
    assert PackedRows(rows[1:]) != packed


def test_what_is_added_on_the_way_is_seen() -> None:
    packed = PackedRows([row(1)])
    seen = []
    for one in packed:
        seen.append(one.source)
        if len(packed) < 3:
            packed.append(row(len(packed) + 1))
    assert len(seen) == 3
