"""The report as a reader meets it: whole, offline, escaped, honest about what is missing."""

import base64
import hashlib
import html.parser
import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from reporting_fake_run import (
    COUNT,
    HOSTILE,
    NAMES,
    STAGES,
    is_outlier,
    make_run,
    photo_id,
    source,
    write_labels,
)

from limbeck import fsio
from limbeck.artefacts.stage import read_done
from limbeck.artefacts.transfers import TRANSFER, Origin, Transfer, write_transfer
from limbeck.errors import DataError
from limbeck.latents import ModeCentres
from limbeck.reporting import report
from limbeck.reporting.metric_rows import measured_tables

SECTIONS = (
    "story", "intake", "filter", "strips", "dropped", "samples", "modes", "training",
    "measured", "settings", "again",
)  # fmt: skip


class Reader(html.parser.HTMLParser):
    """Collects ids, tags, image sources and what would leave the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
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
    """The words, parts of a name together and other elements apart."""
    return re.sub(r"\s+", " ", " ".join(Reader(page.replace("</span><wbr>", "")).words))


def test_a_finished_run_shows_every_section_and_misses_nothing(page: str) -> None:
    reader = Reader(page)
    assert [i for i in reader.ids if i in SECTIONS] == list(SECTIONS)
    assert "Missing from this report" not in page
    assert "Not here yet" not in page
    assert len(page.encode()) < 8_000_000


def test_nothing_outside_the_page_is_asked_for(page: str) -> None:
    reader = Reader(page)
    assert not re.search(r"https?:|@import|url\(|//cdn", page)
    assert {"link", "iframe", "object", "form", "base"}.isdisjoint(reader.tags)
    assert all(link.startswith(("#", "data:image/")) for link in reader.links)
    assert reader.images
    assert all(image["alt"] and image["width"] and image["height"] for image in reader.images)


def test_one_script_is_allowed_by_its_hash_and_nothing_else_runs(page: str) -> None:
    reader = Reader(page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy.group(1)
    assert policy.group(1).startswith("default-src 'none'; base-uri 'none'; form-action 'none'")
    assert not [name for name in reader.attributes if name.startswith("on")]
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval"):
        assert sink not in script


def test_hostile_words_from_disk_are_escaped(page: str) -> None:
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;quoted&#34;.jpg" in page
    for words in ("notes <b>.txt", "a <cpu>", "formula of lpips < 1 & more", "mode 3 <lost>"):
        assert words not in page
        assert words in text_of(page)
    assert HOSTILE in {image["alt"].removeprefix("photo ") for image in Reader(page).images}
    assert {image["src"][:11] for image in Reader(page).images} == {"data:image/"}


def test_hidden_and_turning_characters_are_written_out(page: str) -> None:
    bad = {c for c in page if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} - {"\n"}
    assert bad == set()
    assert r"walk/\u202egpj.\u2066exe\u200f.jpg" in text_of(page)
    assert r"\u000a\u0009\u0007\u0085.jpg" in text_of(page)
    assert "{{ 7 * 7 }}" in text_of(page)
    assert NAMES[23] in text_of(page), "letters of other scripts stay letters"
    body = page.split("<body>")[1]
    bare = re.sub(r"<bdi.*?</bdi>|<img[^>]*>|<bdi[^>]*>", "", body, flags=re.DOTALL)
    assert "\u05db" in body
    assert "\u05db" not in bare, "right-to-left names are isolated"


def test_a_hostile_run_name_is_harmless(tmp_path: Path) -> None:
    page = report(make_run(tmp_path / 'a<b> "c" $(d)\'\u202e', upto="keep")).read_text("utf-8")
    assert "<title>limbeck report: a&lt;b&gt; &#34;c&#34; $(d)&#39;\\u202e</title>" in page
    assert "\u202e" not in page


def test_counts_add_up_and_every_reason_is_told(page: str) -> None:
    words = text_of(page)
    assert "the counts add up" in words
    for reason in (
        "exact copy of another file",
        "near copy of another file",
        "not an image",
        "damaged file",
        "opted out",
    ):
        assert reason in words
    assert "same as walk/photo-000.jpg" in words
    assert f"Of {COUNT + 12} files, {COUNT} were usable photos." in words
    assert "The filter kept 48 of them and dropped 12" in words


def test_photos_at_the_threshold_follow_the_histogram(page: str) -> None:
    strips = page.split('id="strips"')[1].split("Change what is kept")[0]
    kept, dropped = strips.split("The first 12 dropped")
    assert "The last 48 kept" in kept
    assert re.findall(r'class="verdict">(\w+)<', kept) == ["kept"] * 48
    assert re.findall(r'class="verdict">(\w+)<', dropped) == ["dropped"] * 12
    for side, order in ((kept, -1), (dropped, 1)):
        scores = [float(s) for s in re.findall(r'class="line"><b>([\d.]+)</b>', side)]
        assert scores == sorted(scores, reverse=order < 0), "nearest to the threshold first"
    assert strips.count('class="frame again"') == 60, "what the generator draws, when pointed at"


def test_every_photo_has_its_name_and_id_as_text(page: str) -> None:
    reader = Reader(page)
    photos = [image for image in reader.images if str(image["alt"]).startswith("photo ")]
    assert len(photos) > 100
    assert page.count('<bdi class="name"') == page.count('<code class="id">') == len(photos)


def test_every_dropped_photo_is_listed_with_a_reason_in_words(page: str) -> None:
    section = page.split('id="dropped"')[1].split('id="formulas"')[0]
    rows = re.findall(r"<li data-reason=.*?</li>", section, re.DOTALL)
    assert len(rows) == 12
    for i in filter(is_outlier, range(COUNT)):
        (row,) = (row for row in rows if photo_id(i) in row)
        assert "<b>straight seam</b> (higher than" in row
        assert i in NAMES or source(i) in row.replace("</span><wbr>", "")
        assert ">dropped</span>" in row
        assert f'data-id="{photo_id(i)}" data-word="keep"' in row
    table = text_of(section.split("<table")[1].split("</table>")[0])
    counts = [int(n) for n in re.findall(r"(?:seam|draw it|textures) (\d+) ", table)]
    assert sum(counts) == 12
    assert "dropped 12" in table


def test_the_page_says_how_to_change_what_is_kept(page: str, finished: Path) -> None:
    words = text_of(page)
    assert f"limbeck run {finished} --keep-fraction 0.85" in words
    assert "keeps 51 of 60 (85%), 3 more than now" in words
    assert f"limbeck run {finished} --keep-fraction 0.75" in words
    assert str(finished / "keep" / "overrides.csv") in words
    assert "photo,keep,reason" in words


def test_a_generator_that_draws_blurs_is_called_so(page: str) -> None:
    story = text_of(page.split('id="story"')[1].split("</header>")[0])
    assert "Not trained enough" in story
    assert "KID 12.2" in story
    assert "Only 60 photos" in story
    assert "modes" not in story.split("Not trained enough")[0]
    assert "lpips_mid asks the generator and says little yet" in story
    assert "--preset tiny --kimg 60" in story
    assert "Distilled" not in page.split("<footer>")[0]


def test_what_is_for_the_curious_is_folded_away(page: str) -> None:
    for words in ("Every score column", "Training curves"):
        opening = page[: page.index(words)].rsplit("<details", 1)[1]
        assert "open" not in opening.split(">")[0]
    training = page.split('id="training"')[1].split('id="measured"')[0]
    assert "pl_mean" not in training, "what never changes is no curve"
    assert "signs/real" not in training


def test_small_pictures_keep_their_pixels(page: str) -> None:
    sheets = [i for i in Reader(page).images if "samples" in str(i["alt"])]
    assert sheets
    assert all("px" in str(image["class"]).split() for image in sheets)
    assert ".px{image-rendering:pixelated}" in page


def test_the_folder_can_be_chosen(finished: Path, page: str, tmp_path: Path) -> None:
    before = (finished / "report" / "done.json").read_bytes()
    path = report(finished, out=tmp_path / "beside")
    assert path == tmp_path / "beside" / "index.html"
    assert path.read_text("utf-8") == page
    assert read_done(tmp_path / "beside") is not None
    assert (finished / "report" / "done.json").read_bytes() == before


def test_a_person_s_words_of_modes_are_shown_and_hidden_ones_counted(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "modes" / "modes.safetensors"
    modes = ModeCentres.load(path)
    lines = ("0,lying <b>,", "1,,hide", "2,,merge:0", "3,,never")
    (path.parent / "marks.csv").write_text(
        "".join(f"{line}\n" for line in (f"{modes.digest()},{mark}" for mark in lines))
    )
    words = text_of(report(tmp_path / "run").read_text(encoding="utf-8"))
    assert "lying <b> (mode 0)" in words
    assert "%, never sampled" in words
    assert "%, counts as mode 0" in words
    assert "1 mode that somebody hid is not shown" in words


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
        "Generated images against photos, by features of lpips-alex",
        "Generated images against photos, by features of inception",
        "Variety",
        "Copies of training photos",
    ]
    assert (
        "all photos ordinary photos multimodal-lpips 0.7 48 4.2e-04 ± 1.5e-04 12.3 0.610 0.320 "
        "1.210 0.830" in words
    )
    assert "kept photos all photos untruncated 48 4.2e-04 ± 1.5e-04 13.3" in words
    assert "trained on kept photos untruncated 48 0.300 ± 0.012 - 0.300" in words
    assert "kept photos themselves - 48 0.400 ± 0.012" in words
    assert "kept photos multimodal-lpips 0.7 0.543 +2.3 1.2 %" in words
    assert words.count("KID (± one standard error over the images) and FID say how far") == 1


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


def test_it_says_what_the_trainings_began_with(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    facts = {"converted from": "<b>a.pkl", "layout": "stylegan2-ada", "kimg": 25000.0}
    theirs = Origin(path="/models/ffhq", licence="MIT", facts=facts)
    told = Transfer(
        loaded=("G.synthesis.b4.conv1.weight",), missing=("D.b16.conv0.weight",), other_shape=(),
        unused=(), source=theirs, d_alone_kimg=0.5,
    )  # fmt: skip
    write_transfer(told, run / "raw")
    own = Origin(path="raw/nets-000001280", before=theirs)
    write_transfer(told.model_copy(update={"source": own, "d_alone_kimg": 0.0}), run / "kept")
    page = report(run).read_text(encoding="utf-8")
    words = text_of(page)
    assert "did not begin from nothing but with ffhq, converted from <b>a.pkl" in words
    assert "First generator : begun with ffhq, converted from <b>a.pkl (stylegan2-ada)." in words
    assert "Second generator : begun with the networks of this run in raw/nets-000001280." in words
    assert "licence of its weights MIT" in words
    assert "G: all 1 tensors are taken over D: begins fresh D learned alone for 0.5 kimg" in words
    assert page.count('id="begun"') == 1
    assert "kimg 25,000" in words
    assert "The second generator goes on from the first" in words
    write_transfer(told.model_copy(update={"source": None}), run / "raw")
    words = text_of(report(run).read_text(encoding="utf-8"))
    assert "First generator : begun with networks that its record does not name." in words
    assert "did not begin from nothing" not in words
    (run / "kept" / TRANSFER).write_text("{")
    words = text_of(report(run).read_text(encoding="utf-8"))
    assert "what the trainings began with :" in words
    assert "Trained on the kept photos" in words


def test_a_run_from_nothing_says_nothing_of_it(page: str) -> None:
    assert "begun with" not in text_of(page)
    assert "The two generators were trained apart" in text_of(page)
