"""Where things lie on disk: published reports, and the work folder that makes a scan resumable."""
