"""Base64 data: what is left out, what stays, and what the marks say."""

from __future__ import annotations

import base64
import json
import random

import pytest

from narrows.compressors.blob import COMPRESSOR, LEAST
from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors.blob_truth import BEGINNINGS, check_truth, data, wrapped

ENCODING = Encoding("o200k_base", assumed=False)


def shell(command: str) -> ToolCall:
    return ToolCall("bash", json.dumps({"command": command}))


def short(text: str) -> str:
    result = COMPRESSOR.compress(Source(text), Level.BALANCED)
    assert isinstance(result, Compressed), result
    assert not result.lossless
    check_truth(text, result.text)
    assert COMPRESSOR.is_output(result.text)
    assert expand(result.text) is None
    return result.text


def test_a_data_address_keeps_its_page() -> None:
    run = data("image/png", 1500, 1)
    lines = short(f'<img alt="login" src="data:image/png;base64,{run}">\n<p>Hi</p>').split("\n")
    assert lines[1] == '<img alt="login" src="data:image/png;base64,'
    assert lines[2].startswith(f"[narrows: {len(run)} base64 characters left out here: image/png, 1508 bytes, blake3 ")
    assert lines[3:] == ['">', "<p>Hi</p>"]


@pytest.mark.parametrize("media", BEGINNINGS)
def test_bare_data_is_known_by_its_first_bytes(media: str) -> None:
    assert f"left out here: {media}, " in short(data(media, 900, 2))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_attachment_goes_with_its_lines(end: str) -> None:
    text = "Content-Type: application/pdf\n\n" + wrapped(data("application/pdf", 3000, 3), end=end) + "--boundary--\n"
    lines = short(text).split("\n")
    assert len(lines) == 8
    assert lines[1] == "Content-Type: application/pdf"
    assert lines[-2] == "--boundary--"


def test_equal_data_have_equal_marks() -> None:
    one, other = data("image/gif", 800, 4), data("image/gif", 800, 5)
    found = [line for line in short(f"{one}\n{other}\n{one}\n").split("\n")[1:] if line.startswith("[narrows: ")]
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(random.Random(6).randbytes(3000)).decode(),
        "-----BEGIN CERTIFICATE-----\n" + wrapped("MIID" + data("", 2000, 7), 64) + "-----END CERTIFICATE-----\n",
        "x" * 5000,
        "iVBORw0KGgo" + "A" * (LEAST - 20),
        '{"image": "' + data("image/png", 3000, 8) + '"}',
        "data:text/plain;base64," + data("", 3000, 9),
        "data:text/plain;base64," + data("image/gif", 3000, 9),
        "data:application/pdf;base64," + data("image/gif", 3000, 9),
        data("image/png", 900, 10) + "\n" + "one two three " * 400,
        "",
    ],
)
def test_what_may_be_an_answer_stays(text: str) -> None:
    assert COMPRESSOR.sniff(Source(text)) is Verdict.NO
    assert isinstance(COMPRESSOR.compress(Source(text), Level.BALANCED), Kept)


def test_what_was_asked_for_stays() -> None:
    text = data("image/png", 3000, 11)
    for command in ("base64 -w0 shot.png", "cat shot.png | openssl base64"):
        assert COMPRESSOR.sniff(Source(text, shell(command))) is Verdict.NO
    assert COMPRESSOR.sniff(Source(text, shell("curl -s localhost/shot"))) is Verdict.EXACT


def test_the_lossless_level_keeps_data() -> None:
    result = COMPRESSOR.compress(Source(data("image/png", 3000, 12)), Level.LOSSLESS)
    assert isinstance(result, Kept)
    assert result.reason is Reason.NOTHING_TO_SAVE


def test_through_the_registry() -> None:
    text = "<html><body>\n" + f'<img src="data:image/png;base64,{data("", 5000, 13)}">\n' * 2 + "</body></html>\n"
    decision = compress_text(text, shell("curl -s http://localhost/"), Policy(), ENCODING)
    assert isinstance(decision.result, Compressed)
    assert decision.result.kind is Kind.BLOB
    check_truth(text, decision.result.text)


def test_an_output_whose_figures_do_not_agree_is_not_ours() -> None:
    text = short(data("image/png", 3000, 14))
    assert not COMPRESSOR.is_output(text.replace("1 run of", "2 runs of"))
    assert not COMPRESSOR.is_output(text.partition("\n")[0])
    assert not COMPRESSOR.is_output("x\n" + text)
