"""Raw extracts to canonical tables: one folder of SQL files per source."""

from soe_lib.sources.config import Source as Source
from soe_lib.sources.config import SourceError as SourceError
from soe_lib.sources.config import load_source as load_source
from soe_lib.sources.read import RawTable as RawTable
from soe_lib.sources.read import read_tables as read_tables
