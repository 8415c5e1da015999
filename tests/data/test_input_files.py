"""Data specs to the local files behind them."""

from __future__ import annotations

from pathlib import Path

from bert_tf.data.input_files import input_files


def test_specs_to_files(tmp_path: Path) -> None:
    names = ["a.tsv", "b.tsv", "c.xyz", "d.en", "d.zh", "x[1].tsv", "x1.tsv"]
    for name in names:
        (tmp_path / name).touch()
    specs = {
        "a.tsv": ["a.tsv"],
        "[ab].tsv": ["a.tsv", "b.tsv"],
        "x[1].tsv": ["x[1].tsv"],
        "nowhere.tsv": [],
    }
    for spec, expected in specs.items():
        assert input_files([f"{tmp_path}/{spec}"]) == [f"{tmp_path}/{name}" for name in expected]
    assert input_files([f"conll:{tmp_path}/c.xyz", f"parallel:{tmp_path}/d.zh,{tmp_path}/d.en"]) == [
        f"{tmp_path}/{name}" for name in ("c.xyz", "d.zh", "d.en")
    ]
    assert input_files(["tfds:glue/sst2", "demo:zh_reviews", "gs://bucket/x.tsv"]) == []
