"""The studio: curate, explore and generate in the browser (extra `studio`)."""

from limbeck.studio.place import open_place as open_place
from limbeck.studio.serving import serve as serve

__all__ = ["open_place", "serve"]
