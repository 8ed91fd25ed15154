-- The lock keeps processes that start at the same time apart; any number will do that nobody else locks.
SELECT pg_advisory_xact_lock(5245701);
-- Oban's script asks current_schema() whether its type exists
SELECT set_config('sorbus.search_path', current_setting('search_path'), true);
SELECT set_config('search_path', 'public', true)
