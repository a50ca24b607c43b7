"""The storages that pickles refer to, from the records of an archive."""

from __future__ import annotations

import sys
from typing import final

from flambeau.errors import ArchiveError
from flambeau.ir import ScalarType, Storage
from flambeau.serialization.container.reader import ArchiveReader

__all__ = ["ArchiveStorages"]


@final
class ArchiveStorages:
    """Finds storages in one folder of an archive (`data`, `constants`), each record once.

    The bytes are mapped or read when somebody first asks for them. `without_data` is for the recorded inputs of a
    trace, whose records are empty. `verify` compares checksums, which costs about as much as reading everything.
    """

    def __init__(
        self, archive: ArchiveReader, folder: str, *, without_data: bool = False, verify: bool = False
    ) -> None:
        self._archive = archive
        self._folder = folder
        self._without_data = without_data
        self._verify = verify
        self._found: dict[str, tuple[Storage, int]] = {}

    def __call__(self, key: str, dtype: ScalarType, numel: int, device: str) -> Storage:
        name = f"{self._folder}/{key}"
        nbytes, unit = numel * dtype.itemsize, self._swap_unit(dtype)
        if key not in self._found:
            self._found[key] = self._opened(name, nbytes, unit, device), unit
        storage, known_unit = self._found[key]
        if known_unit != unit:
            raise ArchiveError("a storage of the other byte order is used with element types of different sizes", name)
        if nbytes > storage.nbytes:
            if storage.has_data:
                raise ArchiveError(f"{nbytes} bytes are expected here, but the record has {storage.nbytes}", name)
            storage.nbytes = nbytes
        return storage

    def _opened(self, name: str, nbytes: int, unit: int, device: str) -> Storage:
        if self._without_data or device.partition(":")[0] == "meta":
            return Storage(nbytes, device=device, key=name)
        return Storage(self._archive.record_size(name), lambda: self._read(name, unit), device=device, key=name)

    def _read(self, name: str, unit: int) -> memoryview:
        data = self._archive.storage_bytes(name, verify=self._verify)
        return data if unit == 1 else _swapped(data, unit)

    def _swap_unit(self, dtype: ScalarType) -> int:
        """How many bytes belong together if their order has to be reversed; 1 where it has not."""
        if self._archive.byteorder == sys.byteorder:
            return 1
        return dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize


def _swapped(data: memoryview, unit: int) -> memoryview:
    swapped = bytearray(data)
    whole = len(data) - len(data) % unit
    for i in range(unit):
        swapped[i:whole:unit] = data[unit - 1 - i : whole : unit]
    return memoryview(swapped)
