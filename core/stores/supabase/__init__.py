"""Jobs in Supabase's Postgres, files in Supabase Storage."""
