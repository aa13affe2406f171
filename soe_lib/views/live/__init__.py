"""Live parts of the meeting pages: state apart from widgets, callbacks that never fail silently."""
