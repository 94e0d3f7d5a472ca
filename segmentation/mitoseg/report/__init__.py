"""A report that people read: one page that needs nothing else, its parts as files, and a table for the terminal."""

from mitoseg.report.page import write_report
from mitoseg.report.tables import format_runs, format_table, make_folder, write_tables

__all__ = ["format_runs", "format_table", "make_folder", "write_report", "write_tables"]
