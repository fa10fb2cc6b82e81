"""An app for Nextcloud's AppAPI that brings projects and sessions into its Files; comes with the hub service."""
