"""The studio: curate, explore and generate in the browser (extra `studio`)."""

from limbeck.studio.serving import serve as serve

__all__ = ["serve"]
