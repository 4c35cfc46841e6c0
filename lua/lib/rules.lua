-- The rules of this cell, in order. A rule is one file that fills its module with any of
--   admit(op, account, target) -> nil, or a REASON (and the ms after which to try again)
--   charge(lease)              the lease begins
--   settle(lease, op)          the lease ends; `op` reports how
--   commit()                   writes what it has changed
-- admit only looks; charge and settle only write to the view, and cannot fail. So a refused
-- operation writes nothing.
local admits, charges, settles, commits = {}, {}, {}, {}

function rules.add(rule)
  admits[#admits + 1] = rule.admit
  charges[#charges + 1] = rule.charge
  settles[#settles + 1] = rule.settle
  commits[#commits + 1] = rule.commit
end

function rules.admit(op, account, target)
  for i = 1, #admits do
    local reason, retry_after = admits[i](op, account, target)
    if reason then
      return reason, retry_after
    end
  end
end

function rules.charge(lease)
  for i = 1, #charges do
    charges[i](lease)
  end
end

function rules.settle(lease, op)
  for i = 1, #settles do
    settles[i](lease, op)
  end
end

function rules.commit()
  for i = 1, #commits do
    commits[i]()
  end
end
