"""The clients that are tried: which section of docs/clients.md says how, what must be installed, and on which wire they
speak."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
ADDRESS = "http://127.0.0.1:8787"
"""Where the page's gateway listens."""


@dataclass(frozen=True, slots=True)
class Case:
    """`section` is the heading of the page. `path` ends the paths of the requests that must come."""

    name: str
    section: str
    path: str
    pip: str = ""
    npm: str = ""

    def script(self, base_url: str) -> tuple[str, str]:
        """The section's first block that runs: its language, and its text for a gateway at `base_url`."""
        text = PAGE.read_text().partition(f"\n## {self.section}\n")[2].partition("\n## ")[0]
        found = re.search(r"^```(python|sh)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if found is None:
            raise LookupError(f"docs/clients.md has no section {self.section!r} with a block of python or sh")
        return found[1], found[2].replace(ADDRESS, base_url)


CHAT = "OpenAI's library for Python: Chat Completions"

CASES = (
    Case(
        "openai-python chat", "OpenAI's library for Python: Chat Completions", "/chat/completions", pip="openai==3.54.0"
    ),
    Case("openai-python responses", "OpenAI's library for Python: Responses", "/responses", pip="openai==3.54.0"),
    Case("anthropic-python", "Anthropic's library for Python", "/messages", pip="anthropic==2.12.0"),
    Case("google-genai", "Google's library for Python", "GenerateContent", pip="google-genai==3.4.0"),
    Case("codex", "Codex", "/responses", npm="@openai/codex@0.169.0"),
    Case("gemini-cli", "Gemini CLI", "GenerateContent", npm="@google/gemini-cli@0.61.0"),
    Case("opencode", "opencode", "/chat/completions", npm="opencode-ai@1.18.33"),
    Case("pi", "pi", "/messages", npm="@mariozechner/pi-coding-agent@0.73.1"),
)
