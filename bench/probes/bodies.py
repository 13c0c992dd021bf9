"""Probes of JSON that is odd, huge or of another kind."""

import json
from collections.abc import Iterator

from bench.probes.requests import Probe, get, post


def bodies(photo: str, of: str) -> Iterator[Probe]:
    """JSON that is odd, huge or of another kind."""
    decide, images, walk = "/api/curate/decide", "/api/generate/images", "/api/generate/walk"
    one = {"photos": [photo], "keep": True}
    yield post("lists 100,000 deep", decide, b"[" * 100_000, 400, 422)
    yield post("objects 50,000 deep", decide, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, 422)
    yield post("no JSON", decide, b"{'photos'", 400, 422)
    yield post("JSON in UTF-16", decide, json.dumps(one).encode("utf-16"), 200, 400, 422)
    yield post("bytes that are no UTF-8", decide, b'{"photos":["\xff\xfe"],"keep":true}', 400, 422)
    yield post(
        "half a surrogate pair",
        decide,
        b'{"photos":["' + photo.encode() + b'"],"keep":true,"reason":"\\ud800"}',
        422,
    )
    yield post("NaN for a word", decide, f'{{"photos":["{photo}"],"keep":NaN}}'.encode())
    yield post("a number of 5,000 digits", decide, b'{"keep":' + b"9" * 5000 + b"}", 400, 422)
    yield post("a key twice", decide, b'{"photos":["x"],"photos":["../x"],"keep":true}')
    yield post("an unknown field", decide, one | {"path": "/etc/passwd"})
    yield post("ids of 1 MB", decide, {"photos": ["a" * 10**6], "keep": True})
    yield post("220,000 ids", decide, {"photos": ["0" * 13] * 220_000, "keep": True}, 413, 422)
    yield post(
        "200,000 ids, all unknown",
        decide,
        b'{"keep":true,"photos":[' + b",".join([b'"' + b"0" * 16 + b'"'] * 200_000) + b"]}",
        422,
    )
    yield post("a reason of two lines", decide, one | {"reason": "a\nphoto,drop,x"})
    for reason in ("=HYPERLINK(1)", "@SUM(1)", "+1+cmd|' /C calc'!A0", "-2+3"):
        yield post(f"reason {reason[:12]}", decide, one | {"reason": reason})
    rule = "/api/curate/apply"
    yield post("rule of 10^400 photos", rule, b'{"rule":"count","count":1' + b"0" * 400 + b"}")
    yield post("threshold 1e999", rule, b'{"rule":"threshold","threshold":1e999}')
    yield post("threshold NaN", rule, b'{"rule":"threshold","threshold":NaN}')
    yield post("fraction -1", rule, {"rule": "fraction", "fraction": -1})
    yield post("column ../x", rule, {"rule": "auto", "column": "../x"}, 409, 422)
    yield post("seed 2^70", images, {"of": of, "look": {}, "seeds": [str(2**70)]})
    yield post("seed 2^63", images, {"of": of, "look": {}, "seeds": [str(2**63)]}, 200, 422)
    yield post("seed -1", images, {"of": of, "look": {}, "seeds": ["-1"]})
    yield post("psi NaN", images, b'{"of":"%s","look":{"psi":NaN},"seeds":["1"]}' % of.encode())
    yield post("psi 1e999", images, b'{"of":"%s","look":{"psi":1e999},"seeds":["1"]}' % of.encode())
    yield post("100,000 seeds", images, {"of": of, "look": {}, "seeds": ["1"] * 100_000})
    yield post(
        "mode 10^9",
        images,
        {"of": of, "look": {"truncation": "index", "mode": 10**9}, "seeds": ["1"]},
    )
    yield post(
        "networks of another version", images, {"of": "0" * 16, "look": {}, "seeds": ["1"]}, 404
    )
    yield post(
        "walk of 10^9 frames",
        walk,
        {"of": of, "look": {}, "frames": 10**9, "stops": [{"seed": "1"}, {"seed": "2"}]},
    )
    yield post(
        "walk with 10,000 stops", walk, {"of": of, "look": {}, "stops": [{"seed": "1"}] * 10_000}
    )
    yield post("frame 10^9", "/api/generate/frames", {"walk": of, "first": 10**9})
    yield post("film of NaN fps", "/api/generate/film", b'{"walk":"%s","fps":NaN}' % of.encode())
    yield get("seeds 0-10^18", f"/api/generate/seeds?text=0-{10**18}", 422)
    yield get("seeds by many ranges", "/api/generate/seeds?text=" + ",".join(["0-999"] * 900), 422)
    yield get(
        "layers 0-10^9", f"/api/generate/mix.png?of={of}&row=1&column=2&layers=0-{10**9}", 422
    )
    yield post("place of seed 2^63", "/api/edit/places", {"seed": 2**63})
    yield post("place of psi 1e999", "/api/edit/places", b'{"seed":1,"psi":1e999}')
    yield post("place of psi NaN", "/api/edit/places", b'{"seed":1,"psi":NaN}')
    yield post(
        "inversion in 10^9 steps", "/api/edit/inversions", {"photo": "0" * 32, "steps": 10**9}
    )
    yield get("a search of 5,000 letters", "/api/curate/search?text=" + "a" * 5000, 422)
    yield get("curves after 10^40 rows", f"/api/runs/0/raw/curves?after={10**40}", 422)
