"""A file can be read in one sitting, and its name says what is in it."""

import ast

from tests.rules import exceptions
from tests.rules.source import modules

MOST_LINES = 600
NAMELESS = frozenset({"manager", "managers", "util", "utils", "common", "base", "helper", "helpers", "misc"})
PREFIXES = ("do_", "handle_", "process_")
OF_SQLALCHEMY = ("process_bind_param", "process_result_value")


def test_no_file_is_longer_than_one_sitting():
    found = {
        name
        for name, module in modules().items()
        if module.text.count("\n") > MOST_LINES and ".migrations.versions." not in name
    }
    exceptions.check("long", found)


def test_no_module_has_a_name_that_says_nothing():
    exceptions.check("name", {name for name in modules() if NAMELESS & set(name.rpartition(".")[2].split("_"))})


def test_no_function_has_a_name_that_says_nothing():
    found = {
        f"{name}.{node.name}"
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name not in OF_SQLALCHEMY
        and (node.name.startswith(PREFIXES) or node.name.endswith("_internal"))
    }
    exceptions.check("function-name", found)


def test_no_class_is_a_manager_or_a_helper():
    found = {
        f"{name}.{node.name}"
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Utils", "Base"))
    }
    exceptions.check("class-name", found)


def test_each_module_says_why_it_exists():
    found = {name for name, module in modules().items() if module.tree.body and not ast.get_docstring(module.tree)}
    exceptions.check("docstring", found)


def test_modules_import_from_the_top():
    """So that a module can be found by the name that it is imported by."""
    found = {
        name
        for name, module in modules().items()
        if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(module.tree))
    }
    assert not found
