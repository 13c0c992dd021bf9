"""What becomes of a listed file. Imports nothing, for processes that must start at once."""

from enum import StrEnum


class Status(StrEnum):
    """What became of a listed file; every file has exactly one."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OPTED_OUT = "opted_out"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a file is not in the dataset (empty for accepted ones)."""

    NONE = ""
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported_format"
    CORRUPT = "corrupt"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    TOO_COSTLY = "too_costly"
    NOT_SQUARE = "not_square"
    BAD_BOX = "bad_box"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    OPTED_OUT = "opted_out"
    UNREADABLE = "unreadable"
    NOT_FETCHED = "not_fetched"
