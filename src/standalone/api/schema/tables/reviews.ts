// Requests that are not stored: tokens, reviews, scale.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const reviewsTypes = `
package io.k8s.api.authentication.v1
BoundObjectReference
  kind 1 string
  apiVersion 2 string
  name 3 string
  uid 4 string
TokenRequestSpec
  audiences 1 [string]
  expirationSeconds 4 int64
  boundObjectRef 3 BoundObjectReference
TokenRequestStatus
  token 1 string
  expirationTimestamp 2 time
kind TokenRequest: Asks for a token of a ServiceAccount.
  metadata 1 ObjectMeta
  spec 2 TokenRequestSpec
  status 3 TokenRequestStatus
TokenReviewSpec
  token 1 string
  audiences 2 [string]
UserInfo
  username 1 string
  uid 2 string
  groups 3 [string]
  extra 4 {texts}
TokenReviewStatus
  authenticated 1 bool
  user 2 UserInfo
  audiences 4 [string]
  error 3 string
kind TokenReview: Asks whom a token belongs to.
  metadata 1 ObjectMeta
  spec 2 TokenReviewSpec
  status 3 TokenReviewStatus
SelfSubjectReviewStatus
  userInfo 1 UserInfo
kind SelfSubjectReview
  metadata 1 ObjectMeta
  status 2 SelfSubjectReviewStatus
package io.k8s.api.authorization.v1
ResourceAttributes
  namespace 1 string
  verb 2 string
  group 3 string
  version 4 string
  resource 5 string
  subresource 6 string
  name 7 string
NonResourceAttributes
  path 1 string
  verb 2 string
SelfSubjectAccessReviewSpec
  resourceAttributes 1 ResourceAttributes
  nonResourceAttributes 2 NonResourceAttributes
SubjectAccessReviewStatus
  allowed 1 bool
  denied 4 bool
  reason 2 string
  evaluationError 3 string
kind SelfSubjectAccessReview
  metadata 1 ObjectMeta
  spec 2 SelfSubjectAccessReviewSpec
  status 3 SubjectAccessReviewStatus
SubjectAccessReviewSpec
  resourceAttributes 1 ResourceAttributes
  nonResourceAttributes 2 NonResourceAttributes
  user 3 string
  groups 4 [string]
  extra 5 {texts}
  uid 6 string
kind SubjectAccessReview
  metadata 1 ObjectMeta
  spec 2 SubjectAccessReviewSpec
  status 3 SubjectAccessReviewStatus
package io.k8s.api.autoscaling.v1
ScaleSpec
  replicas 1 int32
ScaleStatus
  replicas 1 int32
  selector 2 string
kind Scale: The number of replicas of a workload.
  metadata 1 ObjectMeta
  spec 2 ScaleSpec
  status 3 ScaleStatus
`;
