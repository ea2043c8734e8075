// SPDX-License-Identifier: MIT
//
// A call that may block: Work on a thread of its own, then Finish on the environment's loop.
// Called by: lease_functions, lease_entry, system_functions. When the environment is gone by then,
// the work is destroyed on its own thread and its destructor gives back what it got.

#ifndef VMBUS_BINDING_BLOCKING_WORK_H_
#define VMBUS_BINDING_BLOCKING_WORK_H_

#include <memory>

namespace vmbus::binding {

class EnvState;

class BlockingWork {
 public:
  virtual ~BlockingWork() = default;
  virtual void Work() = 0;
  // No thread could be made: instead of Work, on the loop.
  virtual void Refuse(int error) = 0;
  // The environment may be cleaning up; callbacks are silent then.
  virtual void Finish(EnvState& state) = 0;
};

enum class Duty {
  kNone,    // an environment that goes away leaves it behind
  kFinish,  // an environment that goes away waits for it
};

void StartWork(EnvState& state, std::unique_ptr<BlockingWork> work, Duty duty);

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_BLOCKING_WORK_H_
