"""Results that go to an object store: a real S3 server gives back what was written, or there is one line."""

import sys
from pathlib import Path

import pytest

from mitodata import DataError, WriteError
from mitodata.export.destination import written_to
from mitodata.readers.remote import cache_folder, open_store

obstore = pytest.importorskip("obstore", reason="obstore is optional")
GenericError = obstore.exceptions.GenericError


def write_results(folder: Path) -> None:
    """A table, a Zarr of two chunks, and what is no result."""
    for name in ("a.zarr/0/c/0/0", "a.zarr/0/c/0/1", "a.zarr/0/zarr.json", "a.zarr/zarr.json", "a.csv", ".a.lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def there(bucket: str) -> dict[str, str]:
    """What a bucket holds: contents by name."""
    store = open_store(bucket)
    names = [entry["path"] for batch in obstore.list(store) for entry in batch]
    return {name: bytes(obstore.get(store, name).bytes()).decode() for name in names}


def left() -> list[Path]:
    """Results that are kept here, without locks."""
    return [path for path in cache_folder().with_name("results").rglob("*") if path.suffix != ".lock"]


def test_all_is_sent_and_no_zarr_is_seen_before_it_is_whole(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    put = obstore.put

    def note(store: object, name: str, path: Path) -> object:
        sent.append(name)
        return put(store, name, path)

    monkeypatch.setattr(obstore, "put", note)
    said: list[str] = []
    with written_to(Path(f"{bucket}/deep/found"), report=said.append) as folder:
        assert not there(bucket)
        write_results(folder)
    names = ["a.csv", "a.zarr/0/c/0/0", "a.zarr/0/c/0/1", "a.zarr/0/zarr.json", "a.zarr/zarr.json"]
    assert there(bucket) == {f"deep/found/{name}": name for name in names}
    assert sent[-2:] == ["found/a.zarr/0/zarr.json", "found/a.zarr/zarr.json"]
    assert said == [f"{bucket}/deep/found/a.csv", f"{bucket}/deep/found/a.zarr"]
    assert not left()


def test_what_is_there_is_not_replaced_unasked(bucket: str) -> None:
    for name, text in (("a.h5", "first"), ("a.h5", "second"), ("found/a.csv", "third")):
        with written_to(Path(bucket) / name, overwrite=text == "second") as file:
            file.write_text(text)
    assert there(bucket) == {"a.h5": "second", "found/a.csv": "third"}
    for taken in ("a.h5", "found", "found/a.csv"):
        place = Path(bucket) / taken
        with pytest.raises(DataError, match=f"{taken}: exists already; .* --overwrite"), written_to(place):
            raise AssertionError("computed in vain")


def test_a_lost_connection_keeps_the_results_and_the_same_call_continues(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> None:
        raise GenericError("connection closed\nby the server")

    place = Path(bucket) / "found"
    with monkeypatch.context() as patch:
        patch.setattr(obstore, "put", lose)
        said = rf"{bucket}/found: cannot be written: cannot be reached \(connection closed\); kept in .*; the same"
        with pytest.raises(WriteError, match=said), written_to(place) as folder:
            write_results(folder)
    assert not there(bucket)
    with written_to(place) as folder:
        assert (folder / "a.csv").exists()
    assert len(there(bucket)) == 5
    assert not left()


def fail_after(folder: Path) -> None:
    """Of two images one cannot be read."""
    write_results(folder)
    raise DataError("b is damaged")


def test_of_several_results_those_that_are_whole_are_sent(bucket: str) -> None:
    with pytest.raises(DataError, match="b is damaged"), written_to(Path(bucket) / "found") as folder:
        fail_after(folder)
    assert len(there(bucket)) == 5


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://127.0.0.1:1/a.h5", "expected a place to write to such as s3://bucket/name"),
        ("s3://bucket", "expected a place to write to such as s3://bucket/name"),
        ("s3://no-such-bucket/a.h5", "s3://no-such-bucket/a.h5: "),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_where_nothing_can_be_written_is_one_line_at_once(place: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught, written_to(Path(place)):
        raise AssertionError("computed in vain")
    assert "\n" not in str(caught.value)


def test_two_do_not_write_to_one_place(bucket: str) -> None:
    place = Path(f"{bucket}/a.h5")
    with written_to(place) as file:
        with pytest.raises(DataError, match=r"a.h5: another process is writing it"), written_to(place):
            raise AssertionError("computed in vain")
        file.write_text("one")
    assert there(bucket) == {"a.h5": "one"}


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_the_package_that_is_missing_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with (
        pytest.raises(DataError, match=r"pip install 'mitogen-em\[remote\]'"),
        written_to(Path(f"{scheme}://bucket/a.h5")),
    ):
        raise AssertionError("computed in vain")


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    with written_to(tmp_path / "a.h5") as file:
        assert file == tmp_path / "a.h5"
