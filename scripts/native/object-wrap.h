// Stands in for node_object_wrap.h when ssh2's addon is compiled (scripts/build-native.js).
//
// Node's own ObjectWrap (24.21) takes its environment clean-up hook back in the destructor, and for that
// needs a current environment. A garbage collection that runs as a platform task has none: the process
// aborts on "Assertion failed: (env) != nullptr", at a moment of V8's choosing, after any SSH connection
// ended. Here an object is deleted with its JavaScript half and registers no hook; what still lives when
// the process ends is the kernel's to free.
#ifndef SRC_NODE_OBJECT_WRAP_H_
#define SRC_NODE_OBJECT_WRAP_H_

#include <cassert>

#include "v8.h"

namespace node {

class ObjectWrap {
 public:
  ObjectWrap() = default;
  ObjectWrap(const ObjectWrap&) = delete;
  ObjectWrap& operator=(const ObjectWrap&) = delete;

  virtual ~ObjectWrap() { handle_.Reset(); }

  template <class T>
  static inline T* Unwrap(v8::Local<v8::Object> object) {
    assert(object->InternalFieldCount() > 0);
    return static_cast<T*>(static_cast<ObjectWrap*>(object->GetAlignedPointerFromInternalField(0)));
  }

 protected:
  inline void Wrap(v8::Local<v8::Object> object) {
    assert(object->InternalFieldCount() > 0);
    object->SetAlignedPointerInInternalField(0, this);
    handle_.Reset(v8::Isolate::GetCurrent(), object);
    handle_.SetWeak(this, Collected, v8::WeakCallbackType::kParameter);
  }

 private:
  static void Collected(const v8::WeakCallbackInfo<ObjectWrap>& info) { delete info.GetParameter(); }

  v8::Global<v8::Object> handle_;
};

}  // namespace node

#endif  // SRC_NODE_OBJECT_WRAP_H_
