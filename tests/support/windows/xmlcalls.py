r"""Parts of XML files by XPath: the call `xml`.

Sources: XPath 1.0 (w3.org/TR/xpath-10), of which this model understands paths of element names with `//`, `*`, `[@a='b']`, `[@a]`, `[n]`,
`/@a` and `text()`; `System.Xml.XmlDocument` (learn.microsoft.com/dotnet/api/system.xml): `PreserveWhitespace`, no resolver; a document type is
refused. `community.windows.win_xml` (docs.ansible.com) for what each type and state means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from . import filepoints, names, pathcalls
from .calls import Arguments, Failure, function

if TYPE_CHECKING:
    from .session import Session

Node = minidom.Node


def decode(content: bytes) -> tuple[str, str, bytes]:
    """Text, encoding and byte order mark."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding), encoding, mark
    found = re.match(rb"""<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)""", content)
    encoding = found.group(1).decode() if found else "utf-8"
    return content.decode(encoding), encoding, b""


def parse(text: str) -> minidom.Document:
    if "<!DOCTYPE" in text:
        raise Failure("For security reasons DTD is prohibited in this XML document.")
    body = re.sub(r"^<\?xml\s[^>]*\?>", "", text)
    try:
        return minidom.parseString(body.encode("utf-8"))
    except ExpatError as error:
        raise Failure(f"cannot be read as XML: {error}") from None


def serialised(document: minidom.Document, text: str) -> str:
    """With the declaration, the blanks around the root, and the line ends that the file had."""
    head = re.match(r"(?:<\?xml\s[^>]*\?>)?\s*", text)
    tail = re.search(r"\s*\Z", text)
    body = "".join(child.toxml() for child in document.childNodes).replace("/>", " />").replace("  />", " />")
    if "\r\n" in text:
        body = body.replace("\n", "\r\n")
    return (head.group(0) if head else "") + body + (tail.group(0) if tail else "")


STEP = re.compile(r"(//|/)(@?[\w.:-]+|\*|text\(\))((?:\[[^\]]+\])*)")


def select(document: minidom.Document, xpath: str) -> list[Node]:
    if STEP.sub("", xpath):
        raise Failure(f"`{xpath}` is no XPath that this file can be asked")
    found: list[Node] = [document]
    for slashes, name, conditions in STEP.findall(xpath):
        if name.startswith("@"):
            found = [node.getAttributeNode(name[1:]) for node in found if _element(node) and node.hasAttribute(name[1:])]
            continue
        step: list[Node] = []
        for node in found:
            near = _below(node) if slashes == "//" else node.childNodes
            hits = [one for one in near if _named(one, name)]
            for condition in re.findall(r"\[([^\]]+)\]", conditions):
                hits = _filtered(hits, condition)
            step += [hit for hit in hits if hit not in step]
        found = step
    return found


def _element(node: Node) -> bool:
    return bool(node.nodeType == Node.ELEMENT_NODE)


def _below(node: Node) -> list[Node]:
    return [inner for child in node.childNodes for inner in [child, *_below(child)]]


def _named(node: Node, name: str) -> bool:
    if name == "text()":
        return bool(node.nodeType == Node.TEXT_NODE)
    return _element(node) and (name == "*" or node.tagName == name)


def _filtered(nodes: list[Node], condition: str) -> list[Node]:
    if condition.isdigit():
        return nodes[int(condition) - 1 : int(condition)]
    match = re.fullmatch(r"@([\w.:-]+)(?:\s*=\s*(['\"])(.*)\2)?", condition)
    if match is None:
        raise Failure(f"the model knows no condition `[{condition}]`")
    return [
        node
        for node in nodes
        if node.hasAttribute(match.group(1)) and match.group(3) in (None, node.getAttribute(match.group(1)))
    ]


def shape(node: Node) -> object:
    children = [shape(child) for child in node.childNodes if _element(child)]
    text = [child.data.strip() for child in node.childNodes if child.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE)]
    attributes = {name: value for name, value in node.attributes.items() if not name.startswith("xmlns")}
    return (node.tagName, attributes, children, [one for one in text if one])


def _blank(node: Node | None) -> bool:
    return node is not None and node.nodeType == Node.TEXT_NODE and not node.data.strip()


def _add(document: minidom.Document, node: Node, fragment: str) -> bool:
    wanted = document.importNode(parse(fragment).documentElement, True)
    inner = [child for child in node.childNodes if _element(child)]
    if any(shape(child) == shape(wanted) for child in inner) or (not inner and shape(node) == shape(wanted)):
        return False
    last = node.lastChild
    if _blank(last):
        blank = document.createTextNode(last.data)
        if _blank(node.firstChild):
            last.data = node.firstChild.data
        node.appendChild(wanted)
        node.appendChild(blank)
    else:
        node.appendChild(wanted)
    return True


def _remove(node: Node) -> bool:
    if node.nodeType == Node.ATTRIBUTE_NODE:
        node.ownerElement.removeAttribute(node.name)
        return True
    if node.parentNode is None or node.parentNode.nodeType == Node.DOCUMENT_NODE:
        raise Failure("the XPath finds the root of the document, which cannot be removed")
    if _blank(node.previousSibling):
        node.parentNode.removeChild(node.previousSibling)
    node.parentNode.removeChild(node)
    return True


def _attribute(a: Arguments, node: Node) -> bool:
    name, value, present = a.need("attribute"), a.text("fragment"), a.need("want") == "present"
    if node.nodeType == Node.ATTRIBUTE_NODE:
        if node.name != name:
            return False
        if not present:
            return _remove(node)
        node, name = node.ownerElement, node.name
    if not present:
        had = node.hasAttribute(name)
        if had:
            node.removeAttribute(name)
        return bool(had)
    if node.hasAttribute(name) and node.getAttribute(name) == value:
        return False
    node.setAttribute(name, value)
    return True


def _text(document: minidom.Document, node: Node, value: str) -> bool:
    if node.nodeType in (Node.TEXT_NODE, Node.ATTRIBUTE_NODE):
        changed = node.nodeValue != value
        node.nodeValue = value
        return bool(changed)
    inner = "".join(one.data for one in _below(node) if one.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE))
    if inner == value:
        return False
    for child in list(node.childNodes):
        node.removeChild(child)
    node.appendChild(document.createTextNode(value))
    return True


@function("xml", "path", "xpath", "want", "type", "fragment", "attribute", "only_count", "backup", "check", "diff")
def xml(session: "Session", a: Arguments) -> int:
    path = pathcalls.expand(session, a.need("path"))
    if not session.host.files.is_file(path):
        return session.fail(f"`{path}` is not there, or no file")
    before = session.host.files.read(path)
    text, encoding, mark = decode(before)
    document = parse(text)
    nodes = select(document, a.need("xpath"))
    session.v("count", str(len(nodes)))
    if a.flag("only_count") or not nodes:
        return 0
    kind, present = a.need("type"), a.need("want") == "present"
    changed = 0
    for node in nodes:
        if kind == "attribute":
            changed += _attribute(a, node)
        elif kind == "text":
            changed += _text(document, node, a.text("fragment"))
        elif present:
            changed += _add(document, node, a.need("fragment"))
        else:
            changed += _remove(node)
    if not changed:
        return 0
    session.v("changed", "1")
    after = mark + serialised(document, text).encode(encoding)
    if a.flag("diff"):
        session.b("old", before)
        session.b("new", after)
    if a.flag("check"):
        return 0
    if a.flag("backup"):
        pathcalls.backup(session, names.canonical(path))
    filepoints.write(session, path, after)
    return 0
