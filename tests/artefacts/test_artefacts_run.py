import time
from pathlib import Path

import pytest

from limbeck import fsio
from limbeck.artefacts.run import FORMAT_VERSION, STAGES, RunDir
from limbeck.artefacts.stage import Provenance, read_done
from limbeck.errors import DataError
from limbeck.presets import preset


def test_done_is_current_only_for_the_same_inputs_and_settings(tmp_path: Path) -> None:
    folder = tmp_path / "keep"
    assert read_done(folder) is None
    assert not Provenance.of({"scores": "a"}, {"fraction": 0.6}).done_in(folder)
    provenance = Provenance.of({"scores": "a"}, {"fraction": 0.6})
    done = provenance.finish(folder, "keep", started=time.perf_counter() - 2, summary={"kept": 3})
    assert read_done(folder) == done
    assert done.seconds >= 2
    assert Provenance.of({"scores": "a"}, {"fraction": 0.6}).done_in(folder)
    assert not Provenance.of({"scores": "b"}, {"fraction": 0.6}).done_in(folder)
    assert not Provenance.of({"scores": "a", "more": "c"}, {"fraction": 0.6}).done_in(folder)
    assert not Provenance.of({"scores": "a"}, {"fraction": 0.7}).done_in(folder)


def test_run_json_carries_the_whole_configuration(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    config = preset("smoke").replace(seed=9)
    run.write(config, photos="somewhere")
    assert run.config() == config
    values = run.read()
    assert (values["format_version"], values["photos"]) == (FORMAT_VERSION, "somewhere")
    assert {"limbeck", "python", "argv", "written"} <= values.keys()


def test_stage_folders_are_attributes(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert [getattr(run, name) for name in STAGES] == [tmp_path / name for name in STAGES]
    with pytest.raises(AttributeError):
        _ = run.nonsense
    assert run.done("raw") is None


def test_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run"):
        RunDir(tmp_path).read()
    fsio.write_json(tmp_path / "run.json", {"format_version": FORMAT_VERSION + 1})
    with pytest.raises(DataError, match=f"format {FORMAT_VERSION + 1}"):
        RunDir(tmp_path).read()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": None}, r"run\.json: config"),
        ({"config": {"train": {"kimg": -1}}}, r"run\.json: train\.kimg"),
        ({"config": {"nett": {}}}, r"run\.json: nett"),
        ({"requested": {"config": 5}}, r"run\.json: requested\.config"),
        ({"photos": ["a"]}, r"run\.json: photos"),
        ({"measured": {"images_per_second": "fast"}}, r"run\.json: measured"),
    ],
)
def test_a_changed_run_json_is_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    run = RunDir(tmp_path)
    run.write(preset("smoke"))
    fsio.write_json(run.file, {**run.read(), **change})
    with pytest.raises(DataError, match=message):
        run.config()
    for text in ("[]", "5", '"run"'):
        run.file.write_text(text)
        with pytest.raises(DataError, match="holds no JSON object"):
            run.read()


def test_done_names_networks_of_its_own_folder(tmp_path: Path) -> None:
    for summary, good in [
        ({"networks": "nets-000000128", "best": None}, True), ({"networks": "../nets-1"}, False),
        ({"networks": "/etc"}, False), ({"networks": 5}, False), ({"best": "nets-1/.."}, False),
    ]:  # fmt: skip
        Provenance.of({}, {}).finish(tmp_path, "raw", started=0.0, summary=summary)
        if good:
            assert read_done(tmp_path) is not None
            continue
        with pytest.raises(DataError, match="no folder nets-IMAGES"):
            read_done(tmp_path)
    (tmp_path / "done.json").write_text('{"stage": "raw", "seconds": "long"}')
    with pytest.raises(DataError, match=r"done\.json: .*seconds"):
        read_done(tmp_path)
