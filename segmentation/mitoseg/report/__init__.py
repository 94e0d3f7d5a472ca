"""A report that people read: one page that needs nothing else, its parts as files, and a table for the terminal."""

from mitoseg.report.page import write_report
from mitoseg.report.runs import format_runs
from mitoseg.report.table import format_table
from mitoseg.report.tables import make_folder, write_tables

__all__ = ["format_runs", "format_table", "make_folder", "write_report", "write_tables"]
