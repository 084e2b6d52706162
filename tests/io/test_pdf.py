"""A whole PDF passes whatever bytes its streams hold, and a changed byte of a stream is found."""

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

from koopflow.cli.verify import pdf
from koopflow.io.pdf import verify


def document(
    data: bytes, *, length: str = "direct", around: bytes = b"", line: bytes = b"\n", filters: bytes = b"/FlateDecode"
) -> bytes:
    """Return a PDF of one stream, whose length stands in the dictionary or in an object before or
    behind it."""
    held = b"7 0 obj" + line + str(len(data)).encode() + line + b"endobj" + line
    says = str(len(data)).encode() if length == "direct" else b"7 0 R"
    dictionary = b"<< /Length " + says + b" /Note (a \\) >> stream ( ) b) /Filter " + filters + around + b" >>"
    stream = (
        b"1 0 obj" + line + dictionary + line + b"stream" + line + data + line + b"endstream" + line + b"endobj" + line
    )
    parts = {"direct": stream, "before": held + stream, "behind": stream + held}
    return (
        b"%PDF-1.4\n%\xac\xdc \xab\xba\n"
        + parts[length]
        + b"xref\n0 2\n0000000000 65535 f \n0000000016 00000 n \ntrailer\n<< /Size 2 >>\nstartxref\n9\n%%EOF\n"
    )


@pytest.mark.parametrize("last", range(256))
def test_a_stream_may_end_in_any_byte(last):
    data = zlib.compress(bytes([(last - 1) % 256]))
    assert data[-1] == last
    for length, line in itertools.product(("direct", "before", "behind"), (b"\n", b"\r\n")):
        verify(document(data, length=length, line=line))


@pytest.mark.parametrize(
    "inside", [b"\nendstream\nendobj\n", b"7 0 obj\n3\nendobj\n", b"stream\r\n", b"%%EOF", b"<< /Length 3 >>", b"("]
)
def test_a_stream_may_hold_what_looks_like_the_file_around_it(inside):
    stored = zlib.compress(inside * 3, level=0)
    for length in ("direct", "before", "behind"):
        verify(document(stored, length=length))
    verify(document(inside, filters=b"/DCTDecode"))
    verify(
        document(
            stored, filters=b"[ /FlateDecode /DCTDecode ]", around=b" /Parms [ << /K -1 >> null ] /Hex <0aF 3> /On true"
        )
    )


def test_a_changed_byte_of_a_stream_is_found():
    whole = document(zlib.compress(b"q 1 0 0 1 72 72 cm BT /F1 8 Tf (text) Tj ET Q\n" * 9))
    start = whole.index(b"stream\n", whole.index(b">>\n")) + 7
    stop = whole.rindex(b"\nendstream")
    for place in range(start, stop):
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        with pytest.raises((ValueError, zlib.error)):
            verify(bytes(damaged))


@pytest.mark.parametrize("kept", [0, 4, 40, 0.5, 0.6])
def test_a_file_that_is_cut_off_is_found(kept):
    whole = document(zlib.compress(b"a" * 99))
    with pytest.raises((ValueError, zlib.error)):
        verify(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises((ValueError, zlib.error)):
        verify(whole[: int(kept * len(whole)) if kept < 1 else int(kept)] + b"%%EOF")


def test_figures_of_matplotlib_are_whole_and_a_changed_stream_of_them_is_found(tmp_path):
    figure, axes = pyplot.subplots()
    axes.imshow(np.random.default_rng(0).random((40, 40)))
    axes.set_title("(Θ) \\ ¿")
    figure.savefig(tmp_path / "a.pdf")
    pdf(tmp_path / "a.pdf")
    content = bytearray((tmp_path / "a.pdf").read_bytes())
    content[content.index(b"/FlateDecode") + 200] ^= 1
    (tmp_path / "b.pdf").write_bytes(content)
    with pytest.raises((ValueError, zlib.error)):
        pdf(tmp_path / "b.pdf")


CASE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "verify-pdf" / "whole.pdf"


@pytest.mark.skipif(not CASE.is_file(), reason="the collected cases stand beside the repository")
def test_the_reported_file_is_whole():
    pdf(CASE)
