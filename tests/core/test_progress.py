"""Bars appear in the jobs of a study that run in a terminal, and nowhere else."""

import io
import sys

from koopflow.core import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_job_in_a_terminal_shows_how_far_it_is(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.shown():
        assert list(progress.bar("abc", "forecasting co2", "method")) == ["a", "b", "c"]
        tell = progress.steps("training digits")
        for done in (0, 5, 10):
            tell(done, 10)
    assert "forecasting co2" in screen.getvalue()
    assert "0/3" in screen.getvalue()
    assert "training digits" in screen.getvalue()
    assert progress.bar("abc", "later", "letter") == "abc"


def test_users_of_the_library_and_logs_see_no_bar(monkeypatch, capsys):
    assert progress.bar("abc", "words", "letter") == "abc"
    progress.steps("training")(1, 2)
    with progress.shown():  # standard error is no terminal here
        assert progress.bar("abc", "words", "letter") == "abc"
    assert capsys.readouterr().err == ""
