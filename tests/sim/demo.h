/* demo - the conversation of the demo, which caller and model both know: what the caller says and what the agent answers. */
#ifndef OFFHOOK_SIM_DEMO_H
#define OFFHOOK_SIM_DEMO_H

#define DEMO_TURNS(X) \
	X("Hi there. What are your opening hours?", \
	  "We are open Monday to Friday from nine to six, and on Saturdays from ten to two.") \
	X("Could I get an appointment on Thursday?", \
	  "Of course. On Thursday I can offer you half past ten, or a quarter past two. Which one do you prefer?") \
	X("Half past ten is perfect.", \
	  "Wonderful. I have booked you in for Thursday at half past ten. Is there anything else I can do for you?") \
	X("No, thank you. Goodbye.", \
	  "Thank you for calling. Have a lovely day, and goodbye!")

#endif
