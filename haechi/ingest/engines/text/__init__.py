"""Free text: syslog messages by templates, CEF, access logs."""
