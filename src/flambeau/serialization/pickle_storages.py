"""The storages that pickles refer to, from the records of an archive."""

from __future__ import annotations

import sys
from typing import final

from flambeau.errors import ArchiveError
from flambeau.ir import ScalarType, Storage
from flambeau.serialization.container import ArchiveReader

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
        if storage.nbytes != nbytes or known_unit != unit:
            raise ArchiveError("the pickle describes this storage in two ways that do not agree", name)
        return storage

    def _opened(self, name: str, nbytes: int, unit: int, device: str) -> Storage:
        if self._without_data or device.partition(":")[0] == "meta":
            return Storage(nbytes, device=device, key=name)
        available = self._archive.record_size(name)
        if available < nbytes:
            raise ArchiveError(f"a storage of {nbytes} bytes is expected here, but the record has {available}", name)
        return Storage(nbytes, lambda: self._read(name, nbytes, unit), device=device, key=name)

    def _read(self, name: str, nbytes: int, unit: int) -> memoryview:
        data = self._archive.storage_bytes(name, verify=self._verify)[:nbytes]
        return data if unit == 1 else _swapped(data, unit)

    def _swap_unit(self, dtype: ScalarType) -> int:
        """How many bytes belong together if their order has to be reversed; 1 where it has not."""
        if self._archive.byteorder == sys.byteorder:
            return 1
        return dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize


def _swapped(data: memoryview, unit: int) -> memoryview:
    swapped = bytearray(len(data))
    for i in range(unit):
        swapped[i::unit] = data[unit - 1 - i :: unit]
    return memoryview(swapped)
