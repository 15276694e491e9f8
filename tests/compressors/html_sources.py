"""Pages as the web has them, made of a seed: prose, lists, tables, code, forms, and what stands around them (scripts,
styles, navigation, hidden elements), with and without the tags and quotes that may be left out."""

from __future__ import annotations

import random
from collections.abc import Callable

WORDS = [
    "rate",
    "limit",
    "service",
    "key",
    "request",
    "answer",
    "cache",
    "token",
    "region",
    "price",
    "order",
    "invoice",
    "customer",
    "shipping",
    "delivery",
    "account",
    "release",
    "version",
    "library",
    "function",
    "module",
    "argument",
    "returns",
    "raises",
    "default",
    "value",
    "number",
    "string",
    "example",
    "section",
    "Über",
    "naïve",
    "Größe",
    "東京",
    "données",
    "&amp;",
    "&lt;tag&gt;",
    "50%",
    "$12.90",
    "2024-05-01",
    "v1.2.3",
    "foo_bar",
    "path/to/file.py",
    "user@example.org",
    "snake_case",
    "CamelCase",
    "x=1",
    "dont",
    "“quoted”",
    "3.14",
    "[1]",
    "(see)",
    "e.g.",
    "C++",
    "a|b",
    "*bold*",
    "#tag",
    "~",
    "—",
    "&copy;",
    "&nbsp;",
    "under_score",
]
SITES = (
    "https://docs.example.org/en/latest/",
    "https://www.example.com/",
    "https://shop.example.net/catalog/items/",
    "/",
    "",
)


class PageMaker:
    """Writes one page."""

    def __init__(self, seed: int, size: int = 12) -> None:
        self.random = random.Random(seed)
        self.size = size
        self.site = self.random.choice(SITES)
        self.links = [self._address() for _ in range(12)]

    def page(self) -> str:
        """The whole document."""
        pick = self.random
        doctype = pick.choice(("<!DOCTYPE html>\n", "<!doctype html>", "", "<!-- made by hand -->\n<!DOCTYPE html>\n"))
        close = pick.choice(("</body>\n</html>\n", "</body></html>", "", "</html>"))
        body = "".join(self.block() for _ in range(self.size))
        head = f'{doctype}<html lang="en">{self.head()}<body class="{self.words(2)}">'
        return f"{head}{self.around()}{body}{self.around()}{close}"

    def words(self, most: int) -> str:
        """Some words."""
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, most)))

    def attributes(self) -> str:
        """Attributes that say nothing to a reader, in all manners of quoting."""
        pick = self.random
        found = (
            ' class="nav-item p-4 overflow-hidden"',
            " id='s'",
            " data-x=1",
            ' style="color: red; margin: 0"',
            ' aria-hidden="true"',
            ' data-json=\'{"a": ">"}\'',
            "\n   itemprop=name",
        )
        return "".join(pick.sample(found, k=pick.choice((0, 0, 1, 1, 2, 3))))

    def head(self) -> str:
        """Title, description, styles, scripts."""
        pick = self.random
        inside = [f"<title>{self.words(5)}</title>", '<meta charset="utf-8">', "<style>p > a { color: red }</style>"]
        inside += [
            f'<meta name="description" content="{self.words(9)}">',
            f'<link rel="canonical" href="{self.site}x">',
        ]
        inside += ['<script src="/a.js"></script>', "<script>if (a < b && c > d) { x('<p>no</p>') }</script>"]
        inside += ['<link rel="stylesheet" href="/s.css">', f'<meta property="og:title" content="{self.words(3)}" />']
        return f"<head>{self.between().join(pick.sample(inside, k=pick.randint(3, len(inside))))}</head>"

    def between(self) -> str:
        """White space."""
        return self.random.choice(("", "\n", "\n\n    ", " ", "\t"))

    def around(self) -> str:
        """Navigation, banners, what is hidden."""
        pick = self.random
        menu = "".join(f"<li{self.attributes()}>{self.link()}</li>{self.between()}" for _ in range(pick.randint(1, 6)))
        found = (
            f"<nav{self.attributes()}><ul>{menu}</ul></nav>",
            f"<!-- {self.words(3)} --><header>{self.link()}</header>",
            f'<div style="display:none"><p>{self.words(4)}</p><div>{self.words(2)}</div></div>',
            f"<p hidden>{self.words(3)}</p>",
            '<svg width="9" viewBox="0 0 1 1"><title>icon</title><path d="M0 0"/></svg>',
            f"<svg><text x=1>{self.words(2)}</text></svg>",
            f"<noscript>{self.words(3)}</noscript>",
            f"<template><b>{self.words(2)}</b></template>",
            '<script type="application/ld+json">{"@type": "Thing", "name": "x"}</script>',
        )
        return self.between().join(pick.sample(found, k=pick.randint(1, 4)))

    def _address(self) -> str:
        pick = self.random
        return pick.choice(
            (
                f"{self.site}{pick.choice(('guide', 'api', 'news'))}/{pick.randrange(99)}.html",
                f"{self.site}search?q=a&amp;page={pick.randrange(9)}",
                f"#part-{pick.randrange(99)}",
                f"https://other.example/{pick.randrange(9)}/(x)",
                "mailto:someone@example.org",
                f"/a b/{pick.randrange(9)}",
                f"https://example.org/{'long-' * 9}{pick.randrange(99)}",
            )
        )

    def link(self) -> str:
        """A link, some of them without words or to nowhere."""
        pick = self.random
        address = pick.choice((*self.links, "#", "javascript:void(0)"))
        inside = pick.choice(
            (self.words(3), f"<span>{self.words(2)}</span>", f"<b>{self.words(1)}</b> {self.words(1)}", "")
        )
        inside = inside or pick.choice(('<img src="i.png" alt="">', '<img src="j.png" alt="logo of it">', ""))
        return f'<a{self.attributes()} href="{address}"{pick.choice(("", " title=hint"))}>{inside}</a>'

    def line(self) -> str:
        """Running text with things in it."""
        pick = self.random
        found = (
            lambda: self.words(8),
            self.link,
            lambda: f"<code>{self.words(2)}</code>",
            lambda: f"<em{self.attributes()}>{self.words(2)}</em>",
            lambda: f"10<sup>{pick.randrange(9)}</sup>",
            lambda: f"H<sub>2</sub>O <del>{self.words(1)}</del>",
            lambda: f'<time datetime="2024-05-0{pick.randint(1, 9)}">yesterday</time>',
            lambda: f'<img src="data:image/png;base64,AAAA" alt="{self.words(2)}">',
            lambda: f"<q>{self.words(2)}</q>, {self.words(2)}!",
            lambda: f"un<b>usu</b>al<!-- {self.words(1)} -->ly",
        )
        return pick.choice((" ", "", "\n", " ")).join(pick.choice(found)() for _ in range(pick.randint(1, 4)))

    def block(self) -> str:
        """Something that stands on lines of its own."""
        makers: tuple[Callable[[], str], ...] = (
            self.paragraph,
            self.paragraph,
            self.heading,
            self.list,
            self.table,
            self.code,
            self.form,
            self.definitions,
            self.card,
            self.layout,
        )
        return self.random.choice(makers)() + self.between()

    def paragraph(self) -> str:
        end = self.random.choice(("</p>", "</p>", ""))
        return f"<p{self.attributes()}>{self.line()}{end}"

    def heading(self) -> str:
        level = self.random.randint(1, 6)
        return f"<h{level}{self.attributes()}>{self.line()}</h{level}>"

    def list(self, depth: int = 0) -> str:
        pick = self.random
        name = pick.choice(("ul", "ol", "ol start=4"))
        end = pick.choice(("</li>", "</li>\n", ""))
        items = ""
        for _ in range(pick.randint(1, 4)):
            inner = self.list(depth + 1) if depth < 2 and pick.random() < 0.2 else ""
            items += f"<li{self.attributes()}>{self.line()}{inner}{end}"
        return f"<{name}>{items}</{name.split()[0]}>"

    def table(self) -> str:
        pick = self.random
        columns = pick.randint(1, 4)
        rows = "<tr>" + "".join(f"<th{self.attributes()}>{self.words(2)}</th>" for _ in range(columns)) + "</tr>\n"
        for _ in range(pick.randint(1, 5)):
            spans = pick.choice(("", "", "", " colspan=2", ' rowspan="2"'))
            end = pick.choice(("</td>", ""))
            cells = [f"<td>{self.line() if pick.random() < 0.8 else ''}{end}" for _ in range(columns)]
            cells[0] = f"<td{spans}>{self.words(2)}{end}"
            rows += f"<tr{self.attributes()}>{''.join(cells)}</tr>\n"
        caption = f"<caption>{self.words(3)}</caption>" if pick.random() < 0.3 else ""
        return f"<table{self.attributes()}>{caption}{pick.choice((rows, f'<tbody>{rows}</tbody>'))}</table>"

    def code(self) -> str:
        pick = self.random
        lines = [f"{'  ' * pick.randrange(3)}{self.words(4)}" for _ in range(pick.randint(1, 6))]
        lines[0] = pick.choice(
            (lines[0], f'<a href="{pick.choice(self.links)}">{lines[0]}</a>', f"<span>{lines[0]}</span>")
        )
        return f"<pre{self.attributes()}><code>{pick.choice(('', chr(10)))}{chr(10).join(lines)}</code></pre>"

    def form(self) -> str:
        pick = self.random
        options = "".join(f'<option value="{number}">{self.words(2)}' for number in range(pick.randint(1, 4)))
        return (
            f'<form{self.attributes()} action="/login?a=1&amp;b=2" method=post><label>{self.words(2)}</label>'
            f'<input name="user" type="text" placeholder="{self.words(2)}"{self.attributes()}>'
            f'<input type=hidden name=csrf value="a1&quot;b2"><select name=c>{options}</select>'
            f"<textarea name=t rows=3>{self.words(3)}</textarea><button type=submit>{self.words(2)}</button></form>"
        )

    def definitions(self) -> str:
        return f"<dl><dt>{self.line()}</dt><dd>{self.line()}</dd><dt>{self.words(2)}<dd>{self.line()}</dl>"

    def card(self) -> str:
        inner = f"<div{self.attributes()}><h3>{self.words(3)}</h3><p>{self.words(5)}</p></div>"
        link = f'<a href="{self.random.choice(self.links)}">{inner}</a>'
        return f"<section>{link}<blockquote>{self.line()}</blockquote></section>"

    def layout(self) -> str:
        return f"<table><tr><td>{self.paragraph()}{self.table()}<td>{self.heading()}</table>"


def page(seed: int, size: int = 12) -> str:
    """The page of a seed; `size` blocks between what stands around them."""
    return PageMaker(seed, size).page()
