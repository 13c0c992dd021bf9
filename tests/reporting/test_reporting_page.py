"""The report as a reader meets it: whole, offline, escaped, honest about what is missing."""

import html.parser
import re
import shutil
from pathlib import Path

import pytest
from reporting_fake_run import COUNT, HOSTILE, STAGES, make_run, write_labels

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.reporting import report
from limbeck.reporting.measured import measured_tables
from limbeck.rundir import read_done

SECTIONS = (
    "story", "intake", "filter", "strips", "modes", "samples", "training", "measured",
    "settings", "again",
)  # fmt: skip


class Reader(html.parser.HTMLParser):
    """Collects ids, tags, picture sources and what would leave the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if tag == "img":
            self.images.append(values)
        self.links += [str(values[k]) for k in ("href", "src", "action", "data") if k in values]
        self.links += [str(v) for k, v in attrs if k.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("whole") / "balls")


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    return report(finished).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Reader(page).words))


def test_a_finished_run_shows_every_section_and_misses_nothing(page: str) -> None:
    reader = Reader(page)
    assert [i for i in reader.ids if i in SECTIONS] == list(SECTIONS)
    assert "Missing from this report" not in page
    assert "Not here yet" not in page
    assert len(page.encode()) < 8_000_000


def test_nothing_outside_the_page_is_asked_for(page: str) -> None:
    reader = Reader(page)
    assert not re.search(r"https?:|@import|url\(|//cdn", page)
    assert {"script", "link", "iframe", "object"}.isdisjoint(reader.tags)
    assert all(link.startswith(("#", "data:image/")) for link in reader.links)
    assert reader.images
    assert all(image["alt"] and image["width"] and image["height"] for image in reader.images)


def test_hostile_words_from_disk_are_escaped(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;quoted&#34;.jpg" in page
    for words in ("notes <b>.txt", "a <cpu>", "formula of lpips < 1 & more", "mode 3 <lost>"):
        assert words not in page
        assert words in text_of(page)
    assert HOSTILE in {image["alt"].removeprefix("photo ") for image in Reader(page).images}


def test_counts_add_up_and_every_reason_is_told(page: str) -> None:
    words = text_of(page)
    assert "the counts add up" in words
    for reason in ("exact copy of another file", "not an image", "damaged file", "opted out"):
        assert reason in words
    assert "same as walk/photo-000.jpg" in words
    assert f"Of {COUNT + 5} files, {COUNT} were usable photos." in words
    assert "The filter kept 48 of them and dropped 12" in words


def test_strips_meet_at_the_threshold(page: str) -> None:
    strip = page.split("At the threshold")[1].split("Best:")[0]
    verdicts = re.findall(r'class="verdict">(\w+)<', strip)
    assert verdicts == ["kept"] * 6 + ["dropped"] * 6
    scores = [float(s) for s in re.findall(r"<figcaption><b>([\d.]+)</b>", strip)]
    assert scores == sorted(scores)


def test_figures_are_tabled(page: str) -> None:
    words = text_of(page)
    assert "0.930 ± 0.010" in words
    assert words.index("0.930 ±") < words.index("0.710 ±"), "best score first"
    assert "labelled outliers" not in words.split("Warnings of the filter")[0]


def test_figures_of_the_generators_are_three_kinds_of_tables(page: str) -> None:
    section = page.split('id="measured"')[1].split('id="settings"')[0]
    words = text_of(section)
    titles = re.findall(r"<h3>(.*?)</h3>", section)
    assert titles == [
        "How well each score finds the labelled outliers",
        "Drawn pictures against photos, by features of lpips-alex",
        "Drawn pictures against photos, by features of inception",
        "Variety",
        "Copies of training photos",
    ]
    assert (
        "all photos ordinary photos multimodal-lpips 0.7 48 12.3 4.2e-04 0.610 0.320 1.210 0.830"
        in words
    )
    assert "kept photos all photos untruncated 48 13.3" in words
    assert "trained on kept photos untruncated 48 0.300 ± 0.012 - 0.300" in words
    assert "kept photos themselves - 48 0.400 ± 0.012" in words
    assert "kept photos multimodal-lpips 0.7 0.543 +2.3 1.2 %" in words
    assert words.count("FID and KID say how far") == 1


def test_figures_say_nothing_of_how_they_were_asked_for(page: str) -> None:
    for words in ("SECRET", "7000", "7001", "7002", "bilinear to 64 px", "&#39;photo&#39;"):
        assert words not in page, words


def test_the_newest_figure_counts_and_half_a_row_is_shown_as_half() -> None:
    drawn = {"generator": "kept", "truncation": "none", "psi": 1.0, "column": "untruncated"}
    rows = [
        {"metric": "memorising", **drawn, "closer": 0.9, "z": 8.0, "nearer_1": 0.5},
        {"metric": "memorising", **drawn, "closer": 0.5, "z": -0.04},
        {"metric": "set_distance", "features": "lpips-alex", "real": 1200, "fake": 900},
    ]
    (distances, copies), figures = measured_tables(rows)
    assert copies.rows == (("kept photos", "untruncated", "0.500", "-0.0", "-"),)
    assert distances.rows[0][:4] == ("-", "-", "-", "1,200 : 900")
    assert all(len(row) == len(distances.head) for row in distances.rows)
    assert figures == []


def test_other_figures_are_lists_without_what_is_about_them() -> None:
    row = {
        "metric": "keep", "value": 0.9, "outliers_removed": 0.9, "command": "x", "closest": [{}],
        "resize": "x", "first_seed": 1, "subset_seed": 2,
    }  # fmt: skip
    tables, (figure,) = measured_tables([row])
    assert tables == []
    assert figure.values == (("outliers removed", "0.9"),)


def test_labels_join_by_digest_and_by_name(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "labelled"
    shutil.copytree(finished, run)
    path = report(run, labels=write_labels(tmp_path / "truth.jsonl"))
    words = text_of(path.read_text(encoding="utf-8"))
    assert f"{COUNT} photos carry a person's label" in words
    row = re.search(r"all outliers\s+(\d+)\s+(\d+)", words)
    assert row is not None
    assert row.group(1) == "10"
    assert "labelled outliers" in words
    done = read_done(run / "report")
    assert done is not None
    assert "labels" in done.inputs


def test_labels_that_join_with_nothing_are_refused(finished: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "labels.csv"
    stranger.write_text("file,is_outlier\nnobody.jpg,true\n")
    with pytest.raises(DataError, match="named in the labels"):
        report(finished, labels=stranger)


@pytest.mark.parametrize("upto", ["", *STAGES[:-1]])
def test_an_unfinished_run_names_what_is_missing(tmp_path: Path, upto: str) -> None:
    page = report(make_run(tmp_path / "part", upto=upto)).read_text(encoding="utf-8")
    reader = Reader(page)
    assert [i for i in reader.ids if i in SECTIONS] == list(SECTIONS)
    notice = page.split("Missing from this report")[1].split("</div>")[0]
    done = STAGES[: STAGES.index(upto) + 1] if upto else ()
    named = {
        "data": "the photos", "raw": "the first training", "scores": "the scores",
        "keep": "the filter", "kept": "the second training", "modes": "the modes",
    }  # fmt: skip
    for stage, words in named.items():
        assert (f"<b>{words}" in notice) == (stage not in done), stage


def test_damaged_parts_are_named_and_the_rest_stands(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "damaged"
    shutil.copytree(finished, run)
    (run / "scores" / "scores.parquet").write_bytes(b"not a table")
    (run / "modes" / "modes.safetensors").write_bytes(b"torn")
    for network in (run / "raw").rglob("G_ema.safetensors"):
        network.write_bytes(b"torn")
    page = report(run).read_text(encoding="utf-8")
    notice = page.split("Missing from this report")[1].split("</div>")[0]
    for words in ("the scores", "the modes", "the first training"):
        assert f"<b>{words}" in notice
    assert "the counts add up" in page
    assert Reader(page).images


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run"):
        report(tmp_path)


def test_the_stage_ends_with_its_record(finished: Path, page: str) -> None:
    done = read_done(finished / "report")
    assert done is not None
    assert done.stage == "report"
    assert done.summary["missing"] == []
    assert done.summary["bytes"] == len(page.encode())
    assert set(done.inputs) == set(STAGES)


def test_the_same_run_gives_the_same_page(finished: Path, page: str) -> None:
    assert report(finished).read_text(encoding="utf-8") == page


def test_a_dataset_that_stands_elsewhere_is_found(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "linked"
    shutil.copytree(finished, run)
    shutil.move(run / "data", tmp_path / "elsewhere")
    values = fsio.read_json(run / "run.json")
    fsio.write_json(run / "run.json", values | {"data": str(tmp_path / "elsewhere")})
    page = report(run).read_text(encoding="utf-8")
    assert "Missing from this report" not in page
