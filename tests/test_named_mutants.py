"""The named mutants still fit the code: one that does not could not be run, and nobody would notice."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.named import NAMED, NamedMutant
from tests.mutants.targets import ROOT


@pytest.mark.parametrize("named", NAMED, ids=lambda n: n.title)
def test_a_named_mutant_changes_the_code_and_has_tests(named: NamedMutant) -> None:
    mutant = named.mutant()  # raises UsageError where the code has changed
    assert ast.dump(ast.parse(mutant.mutated)) != ast.dump(ast.parse(mutant.original))
    assert mutant.lines is not None, "a test that executes the line is looked for"
    assert all((ROOT / path).is_file() for path in named.tests)
