"""The nouns of the project, as frozen dataclasses of plain values: what operations answer with.

Times are aware UTC. Sizes are bytes. A path is below the root of the tree, `/`-separated, without a leading `/`; where
it holds bytes that are no UTF-8, `path` is escaped for reading and `path_b64` holds the bytes (base64, URL-safe), which
every operation accepts.
"""

from jupyter_modama.core.model.entries import (
    Address,
    Axis,
    Entry,
    EntryDetails,
    EntryKind,
    EntryMetadata,
    Explanation,
    FolderPage,
    Link,
    LinkKind,
    Links,
    Located,
    MetadataField,
    Reason,
    Signal,
)
from jupyter_modama.core.model.findings import DoctorReport, Finding, Removed, Severity
from jupyter_modama.core.model.jobs import Event, Job, JobPage, JobState, Progress
from jupyter_modama.core.model.people import Actor, Person, PersonKind, Role, Via
from jupyter_modama.core.model.projects import Member, Project, ProjectPage, Visibility
from jupyter_modama.core.model.sessions import (
    ChangesSince,
    FormatCount,
    Protection,
    Seal,
    SealSurvey,
    Session,
    SessionPage,
    SessionState,
    Summary,
    UnsealRequest,
    VerifyReport,
    Writer,
)
from jupyter_modama.core.model.site import Area, AuditRules, Level, SealRules, Site, Tool

__all__ = [
    "Actor",
    "Address",
    "Area",
    "AuditRules",
    "Axis",
    "ChangesSince",
    "DoctorReport",
    "Entry",
    "EntryDetails",
    "EntryKind",
    "EntryMetadata",
    "Event",
    "Explanation",
    "Finding",
    "FolderPage",
    "FormatCount",
    "Job",
    "JobPage",
    "JobState",
    "Level",
    "Link",
    "LinkKind",
    "Links",
    "Located",
    "Member",
    "MetadataField",
    "Person",
    "PersonKind",
    "Progress",
    "Project",
    "ProjectPage",
    "Protection",
    "Reason",
    "Removed",
    "Role",
    "Seal",
    "SealRules",
    "SealSurvey",
    "Session",
    "SessionPage",
    "SessionState",
    "Severity",
    "Signal",
    "Site",
    "Summary",
    "Tool",
    "UnsealRequest",
    "VerifyReport",
    "Via",
    "Visibility",
    "Writer",
]
