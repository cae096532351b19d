"""Decoded JSON, told apart."""

from types import MappingProxyType

from agentkit.kind import is_array, is_map, is_object


def test_objects_arrays_and_read_only_maps_are_told_apart():
    values = [{}, [], MappingProxyType({}), "{}", (), None]
    assert [is_object(value) for value in values] == [True, False, False, False, False, False]
    assert [is_array(value) for value in values] == [False, True, False, False, False, False]
    assert [is_map(value) for value in values] == [True, False, True, False, False, False]
