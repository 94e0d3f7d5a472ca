"""A report that people read: one page that needs nothing else, its parts as files, and a table for the terminal."""

from mitoseg.report.data_files import make_folder, write_tables
from mitoseg.report.page import write_report
from mitoseg.report.printout import format_runs, format_table

__all__ = ["format_runs", "format_table", "make_folder", "write_report", "write_tables"]
