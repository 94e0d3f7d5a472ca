from mitodata.errors import did_you_mean


def test_the_closest_name_is_suggested() -> None:
    assert did_you_mean("lenght_nm", {"length_nm": 1, "width_nm": 2}) == "; did you mean length_nm?"
    assert did_you_mean("mto", ["em3d", "mito"], "expected a preset") == "; did you mean mito?"


def test_where_nothing_is_close_it_is_said_what_to_do() -> None:
    assert did_you_mean("zebra", ["mito"], "see `mitogen recipe list`") == "; see `mitogen recipe list`"
    assert did_you_mean("zebra", ["mito"]) == did_you_mean("", []) == ""
