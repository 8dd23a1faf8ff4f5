-- 4. Studies: a hypothesis, a number of trials, and a rule, all fixed before the first trial.
--      from studies;   from study_trials where study = 'momentum' order by number;

-- What a study's trials cost. A configuration is one trial, in all its folds and samples; again with
-- the same figures it costs nothing, with others it is one more. `source` has columns of `runs`.
create or replace temp macro lake_study_parts(source) as table
  select
    study, run_id, hash({{configuration}}) as config, hash(fold, "sample") as part,
    hash(
      round(sharpe_period, 9), round(sharpe_ratio, 9), n_returns, round(total_return, 9), error,
      case
        when params_hash is null
          and coalesce(sharpe_period, sharpe_ratio, total_return, final_equity) is null then run_id
      end
    ) as figures
  from query('from ' || source) where study is not null;

create or replace temp macro lake_study_acts() as table
  select run_id[7:] as study, "at", event_id, value ->> 'act' as act, value
  from events where kind = 'study' and starts_with(run_id, 'study:') and json_valid(value);

-- Of acts that only one can win, such as the opening, the first counts.
create or replace temp view studies as
  with spent as (
    select study, sum(most)::bigint as trials
    from (
      select study, config, max(results) as most
      from (
        select study, config, part, count(distinct figures) as results
        from lake_study_parts('lake_rows') group by all
      )
      group by all
    )
    group by study
  ),
  opened as (
    select
      study, opening ->> 'hypothesis' as hypothesis, opened_at,
      (opening ->> 'budget')::bigint as budget, opening ->> 'overrun' as overrun,
      (opening ->> 'holdout_from')::timestamptz as holdout_from,
      (opening ->> 'holdout_to')::timestamptz as holdout_to,
      opening ->> 'metric' as metric, (opening ->> 'alpha')::double as alpha,
      (opening ->> 'looks')::bigint as looks,
      coalesce(spent.trials, 0) + forgotten as trials, looked,
      decided_at, (decision ->> 'better')::boolean as better, decision ->> 'verdict' as verdict
    from (
      select
        study,
        min_by(value, ("at", event_id)) filter (act = 'open') as opening,
        min("at") filter (act = 'open') as opened_at,
        coalesce(sum((value ->> 'trials')::bigint) filter (act = 'forget'), 0)::bigint as forgotten,
        count(distinct value ->> 'run') filter (act = 'look') as looked,
        min_by(value, ("at", event_id)) filter (act = 'decide') as decision,
        min("at") filter (act = 'decide') as decided_at
      from lake_study_acts() group by study
    ) left join spent using (study)
    where opening is not null
  )
  select *, greatest(budget - trials, 0) as "left", greatest(trials - budget, 0) as beyond
  from opened;

create or replace temp view study_trials as
  select
    study,
    row_number() over (partition by study order by ingested_at, run_id) as number,
    run_id, created_at, strategy, symbol, timeframe, exit_rule, fold, "sample", params, status,
    sharpe_ratio, total_return, max_drawdown, deleted_at is not null as deleted
  from trials where study is not null;
