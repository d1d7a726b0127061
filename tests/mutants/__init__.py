"""Mutation testing: `./minwang mutants` changes one operator or value at a time and expects a test to fail.

cosmic-ray supplies the mutation operators. Its own runner starts the tests anew for each mutant, which takes ten
seconds of CPU here. This package imports and collects the tests once and forks a process for each mutant
(tests.mutants.runner).
"""
