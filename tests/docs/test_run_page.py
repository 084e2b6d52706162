"""The papers' page of a run in the documentation."""

import sys

from tests.house import ROOT


def test_the_page_of_a_run_is_copied_with_its_pictures_and_an_old_one_removed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from run_page import copy_page

    monkeypatch.delitem(sys.modules, "run_page")
    results, shown = tmp_path / "results", tmp_path / "docs" / "run"
    for name in ("papers/equivalence/figure-2.png", "figures/flow.png", "figures/other.png"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_bytes(name.encode())
    (tmp_path / "secret.png").write_bytes(b"not of this run")
    page = "![2A](equivalence/figure-2.png) [flow](../figures/flow.png) ![3](gone.png) ![4](../../secret.png)\n"
    (results / "papers" / "index.md").write_text(page, encoding="utf-8")
    copy_page(results, shown)
    copied = {str(path.relative_to(shown)) for path in shown.rglob("*") if path.is_file()}
    assert copied == {"papers/index.md", "papers/equivalence/figure-2.png", "figures/flow.png"}
    assert (shown / "papers/equivalence/figure-2.png").read_bytes() == b"papers/equivalence/figure-2.png"
    (results / "papers" / "index.md").unlink()
    copy_page(results, shown)
    left = [path for path in shown.rglob("*") if path.is_file()]
    assert [str(path.relative_to(shown)) for path in left] == ["papers/index.md"]
    assert "There is none" in left[0].read_text(encoding="utf-8")
