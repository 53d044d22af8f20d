"""What the buttons do to jobs in Redis: many jobs in one round trip, each of them whole or not at all.

RQ's own ``requeue`` takes a job out of one registry and puts it onto its queue in two steps, so a crash between them
loses it, and it costs several round trips a job. Here one Lua script per deed looks at a job's status, moves it between
RQ's keys as RQ 3.0 does, and reports the new status to the outbox: Redis runs it as one step. Of two operators who
press at once, the second finds the status changed and is told. Jobs with a rate limit hold slots that only RQ can
account for: the scripts leave them alone and say so.

A script may be given a receipt (KEYS[1]), a key where it notes each answer in the same step. Run again with the same
receipt it answers what it did and does nothing twice, so whoever was killed before the answers were written down learns
them. It may also be told which statuses are meant (KEYS[2], RQ's words between commas): other jobs are left alone.
"""

from __future__ import annotations

from rq.defaults import RQ_KEY_PREFIX

from monitoring.hooks import OUTBOX, OUTBOX_LIMIT

DONE = "done"
MISSING = "missing"
"""Redis holds no such job."""
LIMITED = "limited"
"""The job has a rate limit; RQ itself must do it."""
TAKEN = "taken"
"""A worker has just taken the job off its queue."""

_PRELUDE = f"""
local RQ = '{RQ_KEY_PREFIX}'
local now = ARGV[1]
local function job_key(id) return RQ .. ':job:' .. id end
local function registry(kind, queue) return RQ .. ':' .. kind .. ':' .. queue end
local function list(queue) return RQ .. ':queue:' .. queue end
local function report(id, word, queue)
    redis.call('XADD', '{OUTBOX}', 'MAXLEN', '~', '{OUTBOX_LIMIT}', '*', 'e',
        cjson.encode({{id = id, s = word, q = queue}}))
end
local function look(id)
    local told = redis.call('HMGET', job_key(id), 'status', 'origin', 'rate_limit_key')
    return told[1], told[2] or '', told[3] and told[3] ~= ''
end
local function push(id, queue)
    redis.call('SADD', RQ .. ':queues', list(queue))
    redis.call('RPUSH', list(queue), id)
end
-- Takes the job out of whatever it waits in. False for one that a worker has taken off its queue, but not begun.
local function take_out(id, status, queue)
    if status == 'queued' then return redis.call('LREM', list(queue), 1, id) == 1 end
    local kinds = {{scheduled = 'scheduled', deferred = 'deferred', ready_to_enqueue = 'ready', finished = 'finished',
        failed = 'failed', stopped = 'failed', canceled = 'canceled'}}
    if kinds[status] then redis.call('ZREM', registry(kinds[status], queue), id) end
    return true
end
"""

RECEIPT_SECONDS = 86_400

_EACH = f"""
local answers, receipt, only = {{}}, KEYS[1] ~= '' and KEYS[1], KEYS[2]
local function act_if_meant(id)
    local status = only ~= '' and redis.call('HGET', job_key(id), 'status')
    if status and not string.find(only, ',' .. status .. ',', 1, true) then return status end
    return act(id)
end
for index = 2, #ARGV do
    local id = ARGV[index]
    local answer = receipt and redis.call('HGET', receipt, id)
    if not answer then
        answer = act_if_meant(id)
        if receipt then redis.call('HSET', receipt, id, answer) end
    end
    answers[#answers + 1] = answer
end
if receipt then redis.call('EXPIRE', receipt, {RECEIPT_SECONDS}) end
return answers
"""

REQUEUE = f"""{_PRELUDE}
local function act(id)
    local status, queue, limited = look(id)
    if not status then return '{MISSING}' end
    if status ~= 'failed' and status ~= 'stopped' and status ~= 'canceled' then return status end
    if limited then return '{LIMITED}' end
    take_out(id, status, queue)
    redis.call('HSET', job_key(id), 'status', 'queued', 'enqueued_at', now, 'started_at', '', 'ended_at', '')
    redis.call('HDEL', job_key(id), 'exc_info')
    local ttl = redis.call('HGET', job_key(id), 'ttl')
    if ttl then redis.call('EXPIRE', job_key(id), ttl) else redis.call('PERSIST', job_key(id)) end
    push(id, queue)
    report(id, 'queued', queue)
    return '{DONE}'
end
{_EACH}"""
"""Puts failed, stopped and cancelled jobs back onto their queues. ARGV: the time, then job ids."""

CANCEL = f"""{_PRELUDE}
local waits = {{queued = true, scheduled = true, deferred = true, ready_to_enqueue = true, rate_limited = true}}
local function act(id)
    local status, queue, limited = look(id)
    if not status then return '{MISSING}' end
    if not waits[status] then return status end
    if limited then return '{LIMITED}' end
    if not take_out(id, status, queue) then return '{TAKEN}' end
    redis.call('HSET', job_key(id), 'status', 'canceled')
    redis.call('ZADD', registry('canceled', queue), redis.call('TIME')[1], id)
    report(id, 'canceled', queue)
    return '{DONE}'
end
{_EACH}"""
"""Cancels jobs that wait. ARGV: the time, then job ids."""

REMOVE = f"""{_PRELUDE}
local function act(id)
    local status, queue, limited = look(id)
    if status == 'started' then return status end
    if limited and status ~= 'finished' and status ~= 'failed' then return '{LIMITED}' end
    if status then
        if not take_out(id, status, queue) then return '{TAKEN}' end
        local group = redis.call('HGET', job_key(id), 'group_id')
        if group and group ~= '' then redis.call('SREM', RQ .. ':group:' .. group, id) end
        redis.call('DEL', job_key(id), job_key(id) .. ':dependents', RQ .. ':job::' .. id .. ':dependencies',
            RQ .. ':results:' .. id, RQ .. ':executions:' .. id)
    end
    report(id, 'removed', queue)
    return '{DONE}'
end
{_EACH}"""
"""Deletes jobs that do not run, and reports also those that Redis has forgotten, so that their tasks go too."""

MOVE = f"""{_PRELUDE}
local target = table.remove(ARGV)
local function act(id)
    local status, queue, limited = look(id)
    if not status then return '{MISSING}' end
    if status ~= 'queued' then return status end
    if limited then return '{LIMITED}' end
    if not take_out(id, status, queue) then return '{TAKEN}' end
    redis.call('HSET', job_key(id), 'origin', target)
    push(id, target)
    report(id, 'queued', target)
    return '{DONE}'
end
{_EACH}"""
"""Moves queued jobs to the end of another queue. ARGV: the time, job ids, and last the queue."""
