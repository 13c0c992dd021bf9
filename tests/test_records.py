import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from limbeck.records import ImageInfo, IngestSummary, Reason, Status

counts = st.integers(0, 1000)


@given(
    counts, st.dictionaries(st.sampled_from([r.value for r in Reason if r]), counts), counts, counts
)
def test_the_accounting_identity(
    accepted: int, rejected: dict[str, int], opted_out: int, failed: int
) -> None:
    listed = accepted + sum(rejected.values()) + opted_out + failed
    summary = IngestSummary(
        listed=listed, accepted=accepted, rejected=rejected, opted_out=opted_out, failed=failed,
        size=128, seconds=0.5,
    )  # fmt: skip
    assert summary.balanced()
    assert not summary.model_copy(update={"listed": listed + 1}).balanced()
    assert IngestSummary.model_validate_json(summary.model_dump_json()) == summary


def test_image_info_round_trip() -> None:
    info = ImageInfo(
        source="zip!a/b.jpg", id="0" * 16, sha256="f" * 64, status=Status.REJECTED,
        reason=Reason.NEAR_DUPLICATE, box=(1, 2, 3, 4), duplicate_of="1" * 16,
    )  # fmt: skip
    assert ImageInfo.model_validate_json(info.model_dump_json()) == info


def test_records_are_frozen_and_refuse_unknown_fields() -> None:
    info = ImageInfo(source="a.jpg", status=Status.ACCEPTED)
    with pytest.raises(ValidationError, match="frozen"):
        info.source = "b.jpg"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="is_outlier"):
        ImageInfo.model_validate({"source": "a.jpg", "status": "accepted", "is_outlier": True})
