"""Configuration files: what YAML passes over in silence is refused in one line."""

import pytest
import yaml

from koopflow.config.files import read, updated
from koopflow.core.errors import KoopflowError


def written(folder, text: str):
    path = folder / "mine.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("seed: 1\nseries: {a: {period: 2}}\n", {"seed": 1, "series": {"a": {"period": 2}}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}\n", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: [x, x]\nb: {a: 1}\n", {"a": ["x", "x"], "b": {"a": 1}}),
    ],
)
def test_a_file_means_what_yaml_means(tmp_path, text, found):
    assert read(written(tmp_path, text)) == found == (yaml.safe_load(text) or {})


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "trajectories:\n  a: {path: 1.h5}\n  a: {path: 2.h5}\n",
            "line 3 gives the key 'a' again, first given in line 2",
        ),
        ("seed: 1\nseed: 1\n", "line 2 gives the key 'seed' again"),
        ('"seed": 1\nseed: 2\n', "line 2 gives the key 'seed' again"),
        ("series: {a: {period: 1, period: 2}}\n", "gives the key 'period' again"),
        (BOMB, "at most 100,000 values"),
        ("series: {[a, b]: 1}\n", "invalid YAML"),
        ("series: {{a: 1}: 1}\n", "invalid YAML"),
        ("a: &a {b: *a}\n", "contains it"),
        ("a: &a [1, *a]\n", "contains it"),
        ("- 1\n- 2\n", r"must be a mapping of keys \(got list\)"),
        ("just words\n", "must be a mapping of keys"),
        ("a: [1\n", "invalid YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "invalid YAML"),
        (b"\xff\xfe\x00", "invalid YAML"),
        ("a: " + "[" * 3000 + "]" * 3000 + "\n", "YAML"),
        ("a: " + "x" * (1 << 20) + "\n", "at most 1 MB"),
        ("a: 2020-13-45\n", "invalid YAML"),
    ],
)
def test_what_yaml_passes_over_is_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(KoopflowError, match=message) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert len(str(raised.value)) < 1000


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(KoopflowError, match=r"absent\.yaml: cannot be read"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(KoopflowError, match="cannot be read"):
        read(tmp_path)


def test_given_values_are_merged_over_the_defaults_and_neither_is_changed():
    defaults, given = {"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 5}, "d": [2], "e": 1}
    assert updated(defaults, given) == {"a": {"b": 5, "c": 2}, "d": [2], "e": 1}
    assert defaults == {"a": {"b": 1, "c": 2}, "d": [1]}


@pytest.mark.parametrize("number", ["014", "-010", "1:30", "1:30.5", "12:30:00"])
def test_numbers_that_yaml_reads_with_another_base_are_refused(tmp_path, number):
    path = tmp_path / "c.yaml"
    path.write_text(f"a: 1\nb: [2, {number}]\n")
    with pytest.raises(KoopflowError, match=rf"line 2: YAML reads {number} with base"):
        read(path)
    path.write_text(f"a: '{number}'\nb: [0, 0.5, 0x0c, 1_000, 2024-01-31]\n")
    assert read(path)["b"][:4] == [0, 0.5, 12, 1000]
