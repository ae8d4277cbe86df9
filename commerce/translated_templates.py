"""Templates whose texts are translated and whose partials are put in when they are compiled, not at run time.

Each catalog has compiled templates of its own. What has no catalog, which is every page as long as pages are written in
English only, shares those in which the texts stand as they were written.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from flask import g, has_app_context
from flask.templating import Environment
from flask_babel import Domain, Locale, get_domain, get_locale
from jinja2 import BytecodeCache, Template, nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from commerce.markup import rendered

GETTEXT = ("_", "gettext")


class _Translating(NodeTransformer):
    """Puts translations in the place of calls of `gettext` with a constant text; parameters are still escaped.

    `ngettext` stays a call: which form it takes, only the number tells.
    """

    def __init__(self, catalog: Any, *, autoescape: bool) -> None:
        self._catalog = catalog
        self._autoescape = autoescape

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the visitor's name for it
        """Replace a call that can be decided now."""
        self.generic_visit(node)
        words = _constant_text(node)
        if words is None:
            return node
        text = self._catalog.ugettext(words)
        markup = rendered(text) if self._autoescape else text  # texts of templates are trusted, as in Jinja
        if not node.kwargs:
            # Always a format, so that a text is written in the same way with and without parameters.
            return nodes.Const(markup % {}, lineno=node.lineno)
        pairs = [
            nodes.Pair(nodes.Const(each.key, lineno=node.lineno), each.value, lineno=node.lineno)
            for each in node.kwargs
        ]
        values = nodes.Dict(pairs, lineno=node.lineno)
        return nodes.Mod(nodes.Const(markup, lineno=node.lineno), values, lineno=node.lineno)


def _constant_text(call: nodes.Call) -> str | None:
    """Return the text of a call of `gettext` that is the same each time; None for any other call."""
    if not isinstance(call.node, nodes.Name) or call.node.name not in GETTEXT:
        return None
    if len(call.args) != 1 or call.dyn_args is not None or call.dyn_kwargs is not None:
        return None
    words = call.args[0]
    return words.value if isinstance(words, nodes.Const) and isinstance(words.value, str) else None


def _decides_itself(template: nodes.Template) -> bool:
    """Tell whether a template has its own `_` or changes what is escaped: its texts are left to the run time."""
    own = any(name.name in GETTEXT and name.ctx != "load" for name in template.find_all(nodes.Name))
    return own or template.find(nodes.EvalContextModifier) is not None


class _Inlining(NodeTransformer):
    """Puts the partials that a template includes into it: at run time each would be looked up and get a context.

    A partial sees the same names in its new place, and what it sets stays its own. One that is chosen at run time, that
    may be missing, that has blocks or decides itself what is escaped is left where it is.
    """

    def __init__(self, environment: Environment, name: str | None) -> None:
        self._environment = environment
        self._open = [name]

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802 - as above
        """Replace an include that can be decided now."""
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(name, str) or node.ignore_missing or not node.with_context or name in self._open:
            return node
        loader = self._environment.loader
        if loader is None or self._escapes(name) != self._escapes(self._open[0]):
            return node
        source, filename, _ = loader.get_source(self._environment, name)
        partial = self._environment._parse(source, name, filename)
        if _decides_itself(partial) or partial.find(nodes.Block) or partial.find(nodes.Extends):
            return node
        self._open.append(name)
        self.generic_visit(partial)
        self._open.pop()
        return nodes.Scope(partial.body, lineno=node.lineno)

    def _escapes(self, name: str | None) -> bool:
        escapes = self._environment.autoescape
        return escapes(name) if callable(escapes) else escapes


class _Compiler(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802 - as above
        if isinstance(self.environment, TranslatedTemplates):
            _Inlining(self.environment, self.name).visit(node)
        catalog = getattr(self.environment, "catalog", None)
        if catalog is not None and not _decides_itself(node):
            escapes = self.environment.autoescape
            autoescape = escapes(self.name) if callable(escapes) else escapes
            _Translating(catalog, autoescape=autoescape).visit(node)
        super().visit_Template(node, frame)


class _SharedTemplate(Template):
    """A template whose macros are made once.

    Jinja asks at each import which globals the importing template has beyond its own, which takes longer than most
    macros; a template of this environment has none but those that all share.
    """

    def _get_default_module(self, ctx: Context | None = None) -> Any:
        return super()._get_default_module(ctx) if self._module is None else self._module


class _OwnPlaces(BytecodeCache):
    """Keeps what was compiled for one catalog apart from what was compiled for others, in a cache that all share."""

    def __init__(self, shared: BytecodeCache, words: str) -> None:
        self._shared = shared
        self._words = words

    def get_bucket(self, environment: Any, name: str, filename: str | None, source: str) -> Bucket:
        """Return what is kept of a template."""
        return self._shared.get_bucket(environment, f"{self._words}/{name}", filename, source)

    def set_bucket(self, bucket: Bucket) -> None:
        """Keep it."""
        self._shared.set_bucket(bucket)


def _digest(catalog: Any) -> str:
    """Return a name for all that a catalog says: with another word the templates are others."""
    words = sorted(map(repr, getattr(catalog, "_catalog", {}).items()))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def spoken_locale() -> Locale | None:
    """Return what `flask_babel.get_locale` does, without its way there: a page asks for it dozens of times."""
    found = g.get("_flask_babel") if has_app_context() else None
    locale: Locale | None = getattr(found, "babel_locale", None)
    return get_locale() if locale is None else locale


class KeptDomain(Domain):  # type: ignore[misc]
    """Flask-Babel's domain, which finds a language's catalog by the locale itself and does not spell its name first."""

    def __init__(self, domain: str) -> None:
        super().__init__(domain=domain)
        self._by_locale: dict[Locale, Any] = {}

    def get_translations(self) -> Any:
        """Return the catalog of the language that is spoken now."""
        locale = spoken_locale()
        if locale is None:
            return super().get_translations()
        found = self._by_locale.get(locale)
        if found is None:
            found = self._by_locale[locale] = super().get_translations()
        return found


class TranslatedTemplates(Environment):
    """Flask's environment, which hands out each template in the language of the moment.

    A template brings what it extends, includes and imports in its own language.
    """

    code_generator_class = _Compiler
    template_class = _SharedTemplate
    catalog: Any = None
    """What the texts of this environment's templates are translated with; None: of the one that chooses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._by_catalog: dict[Any, TranslatedTemplates] = {}
        self._by_locale: dict[Locale | None, TranslatedTemplates] = {}
        self._making = threading.Lock()

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja's name
        if self.catalog is not None:
            return super()._load_template(name, globals)
        return self._translated()._load_template(name, globals)

    def _translated(self) -> TranslatedTemplates:
        """Return the environment of the language that is spoken now."""
        locale = spoken_locale()
        known = self._by_locale.get(locale)
        if known is None:
            known = self._by_locale[locale] = self._of_catalog(get_domain().get_translations())
        return known

    def _of_catalog(self, catalog: Any) -> TranslatedTemplates:
        # Every locale has a catalog object, mostly without a word; those are all the same.
        key = catalog if getattr(catalog, "_catalog", None) else None
        known = self._by_catalog.get(key)
        if known is None:
            with self._making:
                known = self._by_catalog.get(key)
                if known is None:
                    known = self.overlay()
                    known.catalog = catalog
                    if self.bytecode_cache is not None:
                        known.bytecode_cache = _OwnPlaces(self.bytecode_cache, _digest(catalog))
                    self._by_catalog[key] = known
        return known
