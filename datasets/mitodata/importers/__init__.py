"""Real data in: one module a format and a row in `registry`; `import_to_file` turns a folder into a dataset file."""

from mitodata.importers.importer import Importer, Options
from mitodata.importers.importing import Report, import_dataset, import_to_file
from mitodata.importers.registry import IMPORTERS, recognise

__all__ = ["IMPORTERS", "Importer", "Options", "Report", "import_dataset", "import_to_file", "recognise"]
