-- As `matches` before it, which the previous release still calls. Of those whom the index finds by `question` only who
-- is `beside` as well, if that is given: words that most contacts have are looked for in the few rows that others find.
-- `is true` keeps them from the index.
create function matches(question tsquery, beside tsquery, most int)
returns table (imported_at bigint, sort_name text, id uuid)
language sql stable security definer rows 10000
set search_path = lookup, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
set jit = off
as $$
    select imported_at, sort_name, id from entries
    where workspace = nullif(current_setting('app.workspace', true), '')::uuid
        and search @@ question and (beside is null or (search @@ beside) is true)
    limit most
$$;
revoke all on function matches(tsquery, tsquery, int) from public;
grant execute on function matches(tsquery, tsquery, int) to lookup_reader;
