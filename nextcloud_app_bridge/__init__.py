"""An app for Nextcloud's AppAPI that brings projects and sessions into Nextcloud's Files; comes with the hub service."""
