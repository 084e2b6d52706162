"""Which library jobs import."""

import os

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.workflow.checkout import prefer, refuse_results, refuse_shadows


def test_the_checkout_comes_first_and_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/other", str(tmp_path)]))
    prefer(tmp_path)
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), "/other"]
    monkeypatch.delenv("PYTHONPATH")
    prefer(tmp_path)
    assert os.environ["PYTHONPATH"] == str(tmp_path)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        *((results, "must be a folder of its own") for results in ("/", ".", "..", "./", "a/..", "../checkout")),
        *((results, "are not expanded") for results in ("~", "~/x", "$HOME/x", "a/${b}")),
        *((results, "must not lie in") for results in (".git", ".snakemake/x", "logs", "../checkout/koopflow/x")),
    ],
)
def test_results_have_a_folder_of_their_own(tmp_path, monkeypatch, results, words):
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    with pytest.raises(KoopflowError, match=words) as found:
        refuse_results(results, tmp_path / "checkout")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("results", ["results", "results/", "a/b", "/tmp/elsewhere", "docs/x", "../checkout/results"])
def test_results_may_lie_anywhere_else(tmp_path, monkeypatch, results):
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    refuse_results(results, tmp_path / "checkout")


@pytest.mark.parametrize("name", ["random.py", "types.py", "numpy.py", "koopflow.py", "torch/__init__.py"])
def test_a_module_that_hides_one_of_the_jobs_is_refused(tmp_path, name):
    for own in ("utils.py", "mynets.py", "koopflow/__init__.py", "random/data.csv"):
        (tmp_path / own).parent.mkdir(exist_ok=True)
        (tmp_path / own).write_text("")
    refuse_shadows(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    with pytest.raises(KoopflowError, match=r"hides the module (random|types|numpy|koopflow|torch) from jobs"):
        refuse_shadows(tmp_path)
